"""The configuration of the stack, before anything runs: no secret has a default, none is ever the same."""

import json
import os
import re
import socket
import subprocess

import pytest
from conftest import ROOT

from galley.local import ports
from galley.local.dotenv import changed, complete, read

EXAMPLE = (ROOT / ".env.example").read_text()
SECRETS = re.findall(r"^(\w+_(?:KEY|PASSWORD|SECRET|TOKEN))=", EXAMPLE, re.MULTILINE)


def clone(folder):
    """A folder with what `make stack` looks at before it builds anything."""
    folder.mkdir(exist_ok=True)
    for name in (".env.example", "docker-compose.yml", "Makefile"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    (folder / "src").symlink_to(ROOT / "src")
    return folder


def make(folder, *words):
    """What a verb says, and its exit code; no stack is built here, and none found running."""
    done = subprocess.run(["make", *words], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def config(folder):
    """The stack of a folder as compose reads it."""
    done = subprocess.run(
        ["docker", "compose", "--profile", "*", "config", "--format", "json"],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.parametrize("secret", SECRETS)
def test_compose_refuses_a_secret_that_is_empty_by_its_name(engine, tmp_path, secret):
    complete(clone(tmp_path))
    (tmp_path / ".env").write_text(changed((tmp_path / ".env").read_text(), {secret: ""}))
    command = ["docker", "compose", "--profile", "*", "config", "-q"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"required variable {secret} is missing a value" in done.stderr


def test_stacks_of_two_folders_have_no_name_in_common(engine, tmp_path):
    one, two = (clone(tmp_path / name / "galley") for name in ("a", "b") if (tmp_path / name).mkdir() is None)
    for folder in (one, two):
        complete(folder)
    first, second = config(one), config(two)

    def names(stack):
        built = {service["image"] for service in stack["services"].values() if service["image"].startswith("galley-")}
        made = [*stack["volumes"].values(), *stack["networks"].values()]
        return {stack["name"], *built, *(one["name"] for one in made)}

    assert len(names(first)) == 16
    assert not names(first) & names(second)


def test_what_notebooks_reach_is_mlflow_alone(engine, tmp_path):
    complete(clone(tmp_path))
    services = config(tmp_path)["services"]
    beside_stages = {name for name, service in services.items() if "stages" in (service.get("networks") or {})}
    assert beside_stages == {"mlflow", "jupyterlab", "tls-proxy"}
    assert list(services["jupyterlab"]["networks"]) == ["stages"]


def test_an_image_is_built_by_one_service(engine, tmp_path):
    complete(clone(tmp_path))
    built = [service["image"] for service in config(tmp_path)["services"].values() if "build" in service]
    assert len(built) == len(set(built)) == 7


def test_logs_of_every_container_are_bounded(engine, tmp_path):
    complete(clone(tmp_path))
    for name, service in config(tmp_path)["services"].items():
        if name != "data-stage":
            assert service["logging"]["options"] == {"max-size": "10m", "max-file": "3"}, name


def test_the_number_of_workers_is_a_setting(engine, tmp_path):
    complete(clone(tmp_path))
    (tmp_path / ".env").write_text(changed((tmp_path / ".env").read_text(), {"AIRFLOW_WORKERS": "3"}))
    assert config(tmp_path)["services"]["airflow-worker"]["scale"] == 3


def test_another_folders_containers_are_not_replaced(engine, tmp_path):
    one, two = clone(tmp_path / "one"), clone(tmp_path / "two")
    name = f"galley-test-{os.getpid()}"
    labels = {"com.docker.compose.project": name, "com.docker.compose.project.working_dir": one}
    words = [word for label in labels.items() for word in ("--label", "=".join(map(str, label)))]
    made = subprocess.run(["docker", "create", *words, "postgres:17"], capture_output=True, text=True, check=True)
    try:
        complete(two)
        (two / ".env").write_text(changed((two / ".env").read_text(), {"COMPOSE_PROJECT_NAME": name}))
        code, said = make(two, "stack")
    finally:
        subprocess.run(["docker", "rm", "--volumes", made.stdout.strip()], check=True, capture_output=True)
    assert code != 0
    assert f"{name} are those of {one}" in said
    assert re.search(r"COMPOSE_PROJECT_NAME=galley-[0-9a-f]{8}\b", said)


@pytest.mark.parametrize("lost", [".env", "MLFLOW_PASSWORD"])
def test_secrets_that_are_lost_beside_their_volumes_are_not_made_anew(engine, tmp_path, lost):
    complete(clone(tmp_path))
    name = read(tmp_path / ".env")["COMPOSE_PROJECT_NAME"]
    volume = ["--label", f"com.docker.compose.project={name}", "--label", "com.docker.compose.volume=postgres"]
    subprocess.run(["docker", "volume", "create", *volume, f"{name}_postgres"], check=True, capture_output=True)
    if lost == ".env":
        (tmp_path / ".env").unlink()
    else:
        (tmp_path / ".env").write_text(changed((tmp_path / ".env").read_text(), {lost: ""}))
    code, said = make(tmp_path, "stack")
    assert code != 0
    assert f"There are volumes of {name}" in said
    assert "MLFLOW_PASSWORD" in said
    assert not read(tmp_path / ".env").get("MLFLOW_PASSWORD")
    # What it says to do, it does.
    code, said = make(tmp_path, "stack-down", "VOLUMES=yes")
    assert code == 0, said
    found = subprocess.run(["docker", "volume", "ls", "-q", "-f", f"name={name}"], capture_output=True, check=True)
    assert not found.stdout


def test_a_busy_port_is_named_before_anything_starts(engine, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        complete(clone(tmp_path))
        own = {f"GALLEY_{name}_PORT": str(ports.free()) for name in ("AIRFLOW", "MLFLOW")} | {
            "GALLEY_LAB_PORT": str(port)
        }
        (tmp_path / ".env").write_text(changed((tmp_path / ".env").read_text(), own))
        code, said = make(tmp_path, "stack")
    assert code != 0
    assert f"Port {port}, which JupyterLab would use" in said
    assert "GALLEY_LAB_PORT=" in said


@pytest.mark.parametrize("uid", ["0", "root"])
def test_root_is_refused_as_who_containers_run_as(engine, tmp_path, uid):
    complete(clone(tmp_path))
    (tmp_path / ".env").write_text(changed((tmp_path / ".env").read_text(), {"AIRFLOW_UID": uid}))
    code, said = make(tmp_path, "stack")
    assert code != 0
    assert f"AIRFLOW_UID={uid} in .env" in said


@pytest.mark.parametrize("days", ["", "7", "all"])
def test_cleaning_does_not_reach_what_may_still_wait(days):
    done = subprocess.run([ROOT / "deploy/airflow/clean", days], capture_output=True, text=True, check=False)
    assert (done.returncode, f"DAYS={days}: give a number of days, 30 or more" in done.stderr) == (1, True)


def test_what_is_no_backup_is_refused_before_anything_is_touched(engine, tmp_path):
    code, said = make(clone(tmp_path), "restore", "FROM=backups/monday")
    assert code != 0
    assert "backups/monday/airflow.dump is not there. Name a backup" in said
    assert not (tmp_path / ".env").exists()
