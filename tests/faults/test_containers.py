"""Stages in containers: what a container sees and may do, and what is said where the engine or the image will not."""

import json
import os
import re
import subprocess
import threading
import time
from pathlib import Path

import pytest
from desk_of_stages import Desk, containers, end_of, printed, read, wait_until
from docker import APIClient
from docker.errors import APIError

from galley.errors import ContainerRefused, EngineUnavailable, NotebookError, OutOfMemory, StageInterrupted
from galley.run.container import engine
from galley.run.container.execution import image_of
from galley.run.runner import execution_of
from galley.settings import Settings

pytestmark = pytest.mark.docker_runner

HOME = Path(__file__).parents[2]
WAITS = "import time\ntime.sleep(60)"
WRITES = "with stage.write(stage.day.raw / 'x') as draft:\n    draft.touch()"


def docker(*words):
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout


def declare(desk, limits):
    """Have galley.toml say what the containers of the kernel may use."""
    desk.home.mkdir(exist_ok=True)
    (desk.home / "galley.toml").write_text(f"[kernels.data]\n{limits}\n")


def meanwhile(desk, *cells):
    """Start a stage in a thread, and return the id of its container once its last cell runs, and the thread."""
    execution = desk.execution(*cells)
    raised = []

    def run():
        try:
            execution.run()
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    path = desk.attempts().path(1)
    while not (path.is_file() and read(path).cells[-1].metadata.get("papermill", {}).get("status") == "running"):
        time.sleep(0.05)
    [container] = containers(desk.home.parent)
    return container, thread, raised


def test_a_stage_sees_its_folders_and_no_more_and_has_no_rights(desk):
    outcome = desk.run(
        "from pathlib import Path\n"
        "status = dict(line.split(':\\t') for line in Path('/proc/self/status').read_text().splitlines())\n"
        "print(status['CapEff'], status['NoNewPrivs'])",
        "for folder in ('/opt/galley', '.', '/tmp'):\n"
        "    try:\n        Path(folder, 'written').touch()\n        print('wrote')\n"
        "    except OSError as error:\n        print(error.strerror)",
    )
    *_, rights, writes = read(outcome.notebook).cells
    assert printed(rights) == "0000000000000000 1\n"
    assert printed(writes) == "Read-only file system\nRead-only file system\nwrote\n"


def test_a_stage_gets_mlflows_credentials_and_no_other_secret_and_inspecting_shows_none(desk, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "hunter2")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "hunter3")
    monkeypatch.setenv("WAREHOUSE_PASSWORD", "hunter4")
    desk = Desk(desk.home, {**desk.environment, "GALLEY_STAGE_ENVIRONMENT": "WAREHOUSE_USER"})
    monkeypatch.setenv("WAREHOUSE_USER", "ada")
    names = "import os\nprint(os.environ['MLFLOW_TRACKING_PASSWORD'][::-1], os.environ['WAREHOUSE_USER'])"
    secrets = "print([name for name, value in os.environ.items() if value in ('hunter3', 'hunter4')])"
    container, thread, _ = meanwhile(desk, names, secrets, "import time\ntime.sleep(2)")
    told = docker("inspect", container)
    thread.join()
    assert json.loads(told)[0]["Config"]["Cmd"] == ["galley", "execute", "-"]
    assert "hunter" not in told
    _, _, given, kept, _ = read(desk.attempts().accepted).cells
    assert printed(given) == "2retnuh ada\n"
    assert printed(kept) == "[]\n"


def test_what_a_stage_writes_belongs_to_the_user_who_runs_its_task(desk, monkeypatch):
    if os.geteuid() != 0:
        pytest.skip("only root can give its folders to somebody else")
    ada = 12345  # by number alone: somebody else could not read this interpreter where it is in root's home
    monkeypatch.setattr(os, "getuid", lambda: ada)
    monkeypatch.setattr(os, "getgid", lambda: ada)
    path = desk.write("from galley.stage import Stage\nstage = Stage(ds)", WRITES)
    for folder in (desk.settings.data, desk.settings.outputs):
        folder.mkdir()
        os.chown(folder, ada, ada)
    desk.execution_of(path).run()
    written = [path for folder in ("data", "outputs") for path in (desk.home / folder).rglob("*")]
    assert desk.attempts().accepted in written
    assert desk.settings.data / "raw/2026-11-23/x" in written
    assert {(path.stat().st_uid, path.stat().st_gid) for path in written} == {(ada, ada)}


def test_a_container_that_somebody_kills_is_worth_another_try_and_the_next_look_says_so(desk):
    container, thread, raised = meanwhile(desk, WAITS)
    docker("kill", container)
    thread.join()
    [error] = raised
    assert isinstance(error, StageInterrupted)
    assert "ended with 137" in str(error)
    desk.run("print('two')")
    assert end_of(desk.attempts().path(1))["state"] == "interrupted"


@pytest.mark.parametrize("image", ["galley-of-nobody", "debian:trixie-slim"], ids=["not there", "without galley"])
def test_an_image_that_cannot_run_stages_is_refused_by_what_the_engine_says(desk, image):
    path = desk.write("1")
    with pytest.raises(ContainerRefused, match="galley-of-nobody" if "nobody" in image else "galley.*not found"):
        execution_of(desk.asked(path), desk.settings, image).run()
    assert containers(desk.home.parent) == []


def test_an_engine_that_does_not_answer_is_worth_another_try(desk):
    desk = Desk(desk.home, {**desk.environment, "DOCKER_HOST": f"unix://{desk.home}/nobody.sock"})
    with pytest.raises(EngineUnavailable, match="Start it, or set DOCKER_HOST"):
        desk.run("1")


def test_a_host_folder_that_is_not_there_is_refused_by_its_name(desk):
    desk = Desk(desk.home, {**desk.environment, "GALLEY_HOST_DATA": "/no/such/folder"})
    with pytest.raises(ContainerRefused, match="/no/such/folder"):
        desk.run("1")


def test_a_notebook_outside_of_the_notebooks_folder_is_refused(desk):
    path = desk.write("1")
    moved = path.rename(desk.home / path.name)
    with pytest.raises(NotebookError, match="containers see no other folder"):
        desk.execution_of(moved).run()


def test_a_kernel_has_its_image_and_one_without_gets_the_first(desk):
    settings = Settings.from_environment({"GALLEY_HOME": str(desk.home), "GALLEY_IMAGES": "workbench=big data=small"})
    for kernel, image in {"data": "small", "workbench": "big", "r": "big"}.items():
        assert image_of(kernel, settings) == image


def test_a_stage_gets_what_galley_toml_gives_its_kernel_and_of_what_its_operator_gives_that(desk):
    path = desk.write("import time\ntime.sleep(2)")
    declare(desk, 'memory = "400m"\ncpus = 1.5\nshm = "32m"')
    thread = threading.Thread(target=execution_of(desk.asked(path), desk.settings, limits={"memory": "300m"}).run)
    thread.start()
    wait_until(lambda: containers(desk.home.parent, "created"))
    [container] = containers(desk.home.parent)
    made = json.loads(docker("inspect", container))[0]["HostConfig"]
    thread.join()
    limits = [made[name] for name in ("Memory", "MemorySwap", "NanoCpus", "ShmSize")]
    assert limits == [300 * 2**20, 300 * 2**20, 1_500_000_000, 32 * 2**20]


def test_a_stage_that_is_killed_for_memory_says_its_limit_and_its_peak(desk):
    declare(desk, 'memory = "300m"')
    with pytest.raises(OutOfMemory, match="the container allows 315 MB, and used 315 MB at its peak"):
        desk.run("x = b'x' * 10**9")
    end = end_of(desk.attempts().path(1))
    assert (end["state"], end["cell"]) == ("failed", 2)
    assert end["message"].startswith(
        "OutOfMemory: The kernel 'data' was killed for memory: the container allows 315 MB"
    )


def test_a_gpu_that_the_engine_does_not_have_is_refused(desk):
    with pytest.raises(ContainerRefused, match=r"or ask for .* no GPU"):
        execution_of(desk.asked(desk.write("1")), desk.settings, limits={"gpus": 1}).run()


def test_a_container_is_named_after_its_stage_and_is_none_of_composes(desk):
    run = {"dag_id": "train weekly", "ds": "2026-11-23"}
    path = desk.write("import time\ntime.sleep(2)")
    thread = threading.Thread(target=desk.execution_of(path, run=run).run)
    thread.start()
    wait_until(lambda: containers(desk.home.parent, "created"))
    [container] = containers(desk.home.parent)
    made = json.loads(docker("inspect", container))[0]
    thread.join()
    assert re.fullmatch(r"/galley-train-weekly-01_stage-2026-11-23-\w{8}", made["Name"])
    labels = made["Config"]["Labels"]
    assert (labels["galley.stage"], labels["galley.dag_id"]) == ("01_stage", "train weekly")
    assert labels["com.docker.compose.project"] == ""


def test_a_container_whose_task_was_killed_before_its_start_is_removed_by_a_later_run(desk, monkeypatch):
    monkeypatch.setattr(engine, "_ABANDONED", -1)
    image = desk.settings.images["data"]
    made = docker("create", "--label", f"{engine.LABEL}=01_stage", image).strip()
    desk.run("1")
    assert made not in docker("ps", "--all", "--quiet", "--no-trunc")


@pytest.fixture
def filtered(build, tmp_path):
    """The address of the engine behind the filter of the compose stack."""
    folder = tmp_path / "filter"
    mounts = {HOME / "deploy/docker": "/opt/deploy:ro", "/var/run/docker.sock": "/var/run/docker.sock"}
    volumes = [f"--volume={here}:{there}" for here, there in {**mounts, folder: "/run/docker"}.items()]
    command = [build("docker-proxy"), "haproxy", "-db", "-f", "/opt/deploy/haproxy.cfg"]
    container = docker("run", "--detach", "--network=none", *volumes, *command).strip()
    while not (folder / "docker.sock").exists():
        assert container in docker("ps", "--quiet", "--no-trunc"), "the filter ended"
        time.sleep(0.1)
    yield f"unix://{folder}/docker.sock"
    docker("rm", "--force", container)


def test_a_stage_needs_no_more_of_the_engine_than_the_filter_lets_through(desk, filtered):
    desk = Desk(desk.home, {**desk.environment, "DOCKER_HOST": filtered})
    outcome = desk.run("from galley.stage import Stage\nStage(ds).conclude(rows=3)")
    assert outcome.conclusion == {"rows": 3}
    assert containers(desk.home.parent) == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda engine: engine.info(),
        lambda engine: engine.images(),
        lambda engine: engine.pull("debian", tag="trixie-slim"),
        lambda engine: engine.volumes(),
        lambda engine: engine.networks(),
        lambda engine: engine.exec_create("a", "id"),
        lambda engine: engine.get_archive("a", "/etc/passwd"),
        lambda engine: engine.kill("a"),
        lambda engine: engine.remove_container("a/../../images/x"),
    ],
    ids=["info", "images", "pull", "volumes", "networks", "exec", "files", "kill", "a path that leads out"],
)
def test_the_filter_refuses_what_stages_do_not_need(filtered, ask):
    with pytest.raises(APIError) as refused:
        ask(APIClient(filtered))
    assert refused.value.response.status_code == 403
