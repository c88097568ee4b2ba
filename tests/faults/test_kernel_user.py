"""With GALLEY_KERNEL_USER a notebook is another user: what galley and Airflow hold is out of its reach."""

import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import decide
import pytest
from desk_of_stages import DS, Desk, end_of, kernels, printed, read, wait_until

from galley.cli import main
from galley.days import Day
from galley.errors import SettingsError
from galley.kernels.user import KernelUser
from galley.local import credentials
from galley.local.airflow import Airflow
from galley.run.execute import Execution, StageRun
from galley.settings import Settings
from galley.storage.lock import FileLock
from galley.testing import stage_process

pytestmark = [
    pytest.mark.local_runner,
    pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can become another user"),
]
PROJECT = Path(__file__).parents[2]
NOBODY = 65534
LOOK = """
import os, pathlib
def tried(act):
    try:
        return repr(act())
    except OSError as error:
        return type(error).__name__
"""


@pytest.fixture(scope="module")
def folder():
    """A folder that any user may enter, unlike pytest's own."""
    path = Path(tempfile.mkdtemp(prefix="other", dir="/tmp"))
    path.chmod(0o755)
    yield path
    wait_until(lambda: kernels(path) == [])
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def jupyter_path(folder):
    """Kernelspecs of the project's environments, with an interpreter that nobody may run."""
    for name in ("data", "workbench"):
        spec = json.loads((PROJECT / f".venvs/jupyter/kernels/{name}/kernel.json").read_text())
        spec["argv"][0] = str(_python_for_all(Path(spec["argv"][0]), folder / name))
        target = folder / "jupyter" / "kernels" / name / "kernel.json"
        target.parent.mkdir(parents=True)
        target.write_text(json.dumps(spec))
    return folder / "jupyter"


def _python_for_all(python, folder):
    """The interpreter; if nobody may run it, as below root's home, the system's with the same libraries."""
    if _nobody_may("-x", python):
        return python
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    system = Path(shutil.which(version, path="/usr/bin:/usr/local/bin") or "/nonexistent")
    libraries = python.parents[1] / "lib" / version
    if not (_nobody_may("-x", system) and _nobody_may("-r", libraries / "site-packages")):
        pytest.skip(f"no other user may run {python}, and there is no {version} in /usr/bin")
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(system)
    (folder / "lib").mkdir()
    (folder / "lib" / version).symlink_to(libraries)
    (folder / "pyvenv.cfg").write_text(f"home = {system.parent}\ninclude-system-site-packages = false\n")
    return folder / "bin" / "python"


def _nobody_may(how, path):
    command = ["test", how, path]
    return subprocess.run(command, user=NOBODY, group=NOBODY, extra_groups=[], check=False).returncode == 0


@pytest.fixture
def desk(folder, jupyter_path, monkeypatch):
    """A project whose data belongs to the user that its kernels run as."""
    monkeypatch.setenv("JUPYTER_PATH", str(jupyter_path))
    home = Path(tempfile.mkdtemp(dir=folder))
    home.chmod(0o755)
    monkeypatch.setenv("GALLEY_HOME", str(home))
    monkeypatch.setenv("SECRET_OF_THE_TASK", "in its environment")
    monkeypatch.setenv("GALLEY_KERNEL_USER", "nobody")
    for name in ("data", "outputs", "notebooks"):
        (home / name).mkdir()
    os.chown(home / "data", NOBODY, NOBODY)
    return Desk(home, {"GALLEY_KERNEL_USER": "nobody"})


def lines(outcome):
    """What the last cell printed."""
    return printed(read(outcome.notebook).cells[-1]).splitlines()


def test_a_kernel_is_the_other_user_with_its_groups_alone_and_cannot_go_back(desk, kind_of_kernel):
    said = lines(
        desk.run(
            LOOK + "print(os.getresuid(), os.getresgid(), os.getgroups())\n"
            "print(tried(lambda: os.setuid(0)), tried(lambda: os.seteuid(0)), tried(lambda: os.setgroups([0])))\n"
            "status = dict(line.split(':\\t') for line in open('/proc/self/status').read().splitlines())\n"
            "print(int(status['CapPrm'], 16), int(status['CapAmb'], 16), status['NoNewPrivs'])\n"
        )
    )
    assert said == [
        f"({NOBODY}, {NOBODY}, {NOBODY}) ({NOBODY}, {NOBODY}, {NOBODY}) [{NOBODY}]",
        "PermissionError PermissionError PermissionError",
        "0 0 1",
    ]


def test_it_is_forked_and_cold_as_other_kernels_are(desk, kind_of_kernel):
    wanted = {"on": "forked", "off": "cold"}[os.environ["GALLEY_WARM_KERNELS"]]
    assert read(desk.run("1").notebook).metadata.galley.kernel.start == wanted


def test_what_airflow_keeps_on_the_disk_is_out_of_reach(desk, kind_of_kernel):
    airflow = Airflow(desk.settings, port=1, schedule=False)
    airflow.home.mkdir()
    (airflow.home / "airflow.db").write_bytes(b"every answer")
    airflow.passwords()
    airflow._write_configuration()
    credentials.make_private(airflow.home)
    kept = sorted(path.name for path in airflow.home.iterdir())
    assert {"secrets.json", "passwords.json", "airflow.cfg", "airflow.db"} <= set(kept)
    said = lines(
        desk.run(
            LOOK + f"home = pathlib.Path({str(airflow.home)!r})\n"
            f"print(*{{tried((home / name).read_bytes) for name in {kept}}}, tried(lambda: os.listdir(home)))"
        )
    )
    assert said == ["PermissionError PermissionError"]


def test_the_memory_and_the_environment_of_its_task_are_out_of_reach_and_so_is_its_life(desk, kind_of_kernel):
    said = lines(
        desk.run(
            LOOK + f"task = pathlib.Path('/proc/{os.getpid()}')\n"
            "for name in ('environ', 'mem', 'maps', 'fd', 'cwd'):\n"
            "    act = lambda: os.listdir(task / name) if name == 'fd' else (task / name).open().read(1)\n"
            "    print(tried(act))\n"
            f"print(tried(lambda: os.kill({os.getpid()}, 0)), tried(lambda: os.kill({os.getpid()}, 9)))"
        )
    )
    assert said == ["PermissionError"] * 5 + ["PermissionError PermissionError"]


def test_it_has_a_home_and_a_name_of_its_own(desk, kind_of_kernel, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/root/.cache")
    said = lines(
        desk.run(
            "import getpass, os, pathlib, tempfile\n"
            "pathlib.Path.home().joinpath('note').write_text('kept')\n"
            "tempfile.TemporaryFile().close()\n"
            "print(getpass.getuser(), pathlib.Path.home().stat().st_uid, os.environ.get('XDG_CACHE_HOME'))"
        )
    )
    assert said == [f"nobody {NOBODY} None"]


def test_what_a_stage_writes_is_its_users_and_what_is_accepted_stays_galleys(desk, kind_of_kernel):
    outcome = desk.run(
        "from galley import Stage\nstage = Stage(ds)\n"
        "with stage.write(stage.day.raw / 'data.csv') as path: path.write_text('a\\n1\\n')\n"
        "with stage.write(stage.day.reports('dag') / 'decision.json') as path: path.write_text('{}')\n"
        "stage.conclude(rows=1)"
    )
    assert outcome.conclusion == {"rows": 1}
    owners = {path.name: path.stat().st_uid for path in desk.reports.iterdir() if path.suffix}
    assert (desk.settings.data / "raw" / DS / "data.csv").stat().st_uid == NOBODY
    assert owners.pop("decision.json") == NOBODY
    assert {owner for name, owner in owners.items() if not name.startswith(".")} == {0}


def test_a_lock_that_galleys_own_user_left_keeps_no_kernel_from_writing(desk):
    """As a kernel that had no user of its own has left it; whoever holds it keeps others out as ever."""
    left = desk.settings.data / "raw" / f".{DS}.lock"
    left.parent.mkdir()
    left.touch(mode=0o644)
    os.chown(left.parent, NOBODY, NOBODY)
    write = "from galley import Stage\nstage = Stage(ds)\nwith stage.write(stage.day.raw / 'data.csv') as path:"
    desk.run(f"{write} path.write_text('a')")
    lock = FileLock(left)
    assert lock.take() is None
    with pytest.raises(Exception, match="timed out"):
        desk.run(f"{write} path.write_text('b')", cell_timeout=1)
    lock.release()
    assert (desk.settings.data / "raw" / DS / "data.csv").read_text() == "a"


def test_a_notebook_cannot_change_or_replace_a_report_that_is_there(desk, kind_of_kernel):
    accepted = desk.run("1").notebook
    before = accepted.read_bytes()
    said = lines(
        desk.run(
            LOOK + f"report = pathlib.Path({str(accepted)!r})\n"
            "other = report.with_name('mine')\n"
            "other.write_text('forged')\n"
            "attempts = report.parent / 'attempts'\n"
            "acts = [lambda: report.write_text('forged'), lambda: os.replace(other, report), report.unlink,\n"
            "        lambda: os.rename(attempts, report.parent / 'gone'), lambda: (attempts / 'mine').touch(),\n"
            "        lambda: (report.parents[1] / 'mine').touch()]\n"
            "print(*map(tried, acts))",
            name="02_other",
        )
    )
    assert said == [" ".join(["PermissionError"] * 6)]
    assert accepted.read_bytes() == before


def test_galley_follows_no_link_that_a_notebook_made_beside_the_reports(desk, kind_of_kernel):
    secret = desk.home / "secret.json"
    secret.write_text('{"fernet_key": "x"}')
    secret.chmod(0o600)
    for name in (".metrics.json.lock", "metrics.json"):
        reports = desk.settings.outputs / DS / f"dag{name}"
        with pytest.raises(OSError, match="symbolic links"):
            desk.run(
                f"import os; os.symlink({str(secret)!r}, {str(reports / name)!r})",
                "from galley import Stage\nStage(ds).conclude(done=True)",
                reports=reports,
            )
    assert secret.read_text() == '{"fernet_key": "x"}'


def test_what_it_left_running_ends_with_it(desk, kind_of_kernel):
    desk.run("import subprocess\nfor _ in range(3): subprocess.Popen(['sleep', '100'], start_new_session=True)")
    wait_until(lambda: kernels(desk.home) == [], 5)


def test_a_timeout_ends_it(desk, kind_of_kernel):
    with pytest.raises(Exception, match="timed out"):
        desk.run("import time", "time.sleep(100)", cell_timeout=1)
    wait_until(lambda: kernels(desk.home) == [], 5)


def test_a_killed_task_takes_it_along_and_what_it_has_started(desk, kind_of_kernel):
    begun = desk.settings.data / "begun"
    cell = f"import pathlib, subprocess; pathlib.Path({str(begun)!r}).touch(); subprocess.run(['sleep', '100'])"
    task = stage_process.start(desk.asked(desk.write(cell)), desk.settings)
    wait_until(begun.exists)
    task.kill()
    task.join()
    wait_until(lambda: kernels(desk.home) == [], 5)


def test_a_kernelspec_that_starts_kernels_in_its_own_way_is_refused(desk, jupyter_path, monkeypatch):
    spec = json.loads((jupyter_path / "kernels" / "data" / "kernel.json").read_text())
    spec["argv"] = ["/bin/sh", "-c", 'exec "$0" "$@"', *spec["argv"]]
    del spec["metadata"]["kernel_provisioner"]
    target = jupyter_path / "kernels" / "plain" / "kernel.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(spec))
    desk.run("1", kernel="plain")  # with jupyter_client's own way it runs
    monkeypatch.setattr(KernelUser, "become", lambda _: None)
    with pytest.raises(SettingsError, match="'plain' does not run as nobody"):
        desk.run("1", kernel="plain")


def refusal(desk, **settings):
    """What keeps a stage from running, found before its kernel starts; `galley check` says the same."""
    other = Desk(desk.home, settings)
    with pytest.raises(SettingsError) as refused:
        other.run("1")
    number = other.attempts().numbers()[-1]
    assert end_of(other.attempts().path(number))["state"] == "failed"
    assert "start" not in read(other.attempts().path(number)).metadata.galley.get("kernel", {})
    return str(refused.value)


def checked(monkeypatch, capsys, **settings):
    (Path(os.environ["GALLEY_HOME"]) / "galley.toml").touch()
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert main(["check"]) == 1
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "words"), [("nobody-else", "no such user"), ("99999999999", "no such user"), ("root", "is root")]
)
def test_a_user_that_kernels_cannot_have_is_refused(desk, name, words, monkeypatch, capsys):
    assert words in refusal(desk, GALLEY_KERNEL_USER=name)
    assert words in checked(monkeypatch, capsys, GALLEY_KERNEL_USER=name)


def test_a_folder_that_it_may_not_write_to_is_named_with_what_to_do(desk, monkeypatch, capsys):
    raw = desk.home / "data" / "raw"
    raw.mkdir()
    message = f"nobody may not write to {raw}. Give it what stages write: mkdir -p {desk.home}/data && chown -R nobody"
    assert message in refusal(desk, **desk.environment)
    assert message in checked(monkeypatch, capsys)


def test_an_interpreter_and_notebooks_that_it_may_not_reach_are_named(desk, monkeypatch, capsys):
    (desk.home / "notebooks").chmod(0o700)
    message = f"nobody may not read {desk.home}/notebooks. Let it, and let it pass through the folders around"
    assert message in refusal(desk, **desk.environment)
    assert message in checked(monkeypatch, capsys)


def test_a_home_that_is_somebody_elses_is_refused(desk, monkeypatch):
    folder = Path(tempfile.mkdtemp(dir=desk.home))
    folder.chmod(0o777)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    (folder / f"galley-kernels-{NOBODY}").mkdir()
    assert "is not that user's alone. Remove it" in refusal(desk, **desk.environment)


def test_a_galley_that_may_not_switch_says_what_it_lacks(desk):
    other = next(user.pw_uid for user in pwd.getpwall() if user.pw_uid not in (0, NOBODY))
    code = "from galley.kernels.user import KernelUser; KernelUser.of('nobody')"
    python = Path(json.loads((Path(os.environ["JUPYTER_PATH"]) / "kernels/data/kernel.json").read_text())["argv"][0])
    told = subprocess.run(
        [python, "-c", code], user=other, group=other, extra_groups=[], capture_output=True, text=True
    )
    assert "it lacks CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_KILL, CAP_SETGID, CAP_SETUID" in told.stderr


def test_the_stages_of_a_week_run_right(desk, jupyter_path, monkeypatch):
    monkeypatch.setenv("GALLEY_PROJECT", str(PROJECT / "galley.toml"))
    monkeypatch.setenv("GALLEY_NOTEBOOKS", str(PROJECT / "notebooks"))
    settings = Settings.from_environment()

    def run(notebook, **parameters):
        path = settings.notebooks / notebook
        reports = settings.outputs / DS / path.parent.name
        asked = StageRun(path, {"ds": DS, **parameters}, reports, path.stem, path.stem)
        return Execution(asked, settings).run().conclusion

    run("generate_data/01_generate.ipynb", source="synthetic", rows=120, late_share=0.3)
    for stage in ("01_prepare", "02_split", "03_train", "04_validate", "05_review"):
        run(f"train_weekly/{stage}.ipynb", **({"settings": {"C": 0.1}} if stage == "03_train" else {}))
    decide.answer(Day.of(DS, settings), person="grace")
    run("train_weekly/06_record.ipynb")
    run("train_weekly/07_promote.ipynb")
    assert run("predict_daily/01_predict.ipynb", model_as_of="now")["rows"] == 120
    pages = [path for path in settings.outputs.rglob("*.html") if "attempts" not in path.parts]
    assert len(pages) == 9
    assert {stat.S_IMODE(page.stat().st_mode) & 0o044 for page in pages} == {0o044}
