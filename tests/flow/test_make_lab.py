"""`make lab`: JupyterLab on loopback, with a token, where a notebook changes nothing of the schedule."""

import contextlib
import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from types import SimpleNamespace

import psutil
import pytest
from lab import Lab

DS = "2026-11-23"
ASK = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


@pytest.fixture(scope="module")
def lab(project, scheduled):
    """The process, and the address with the token that it shows."""
    process = project.start("lab")
    for line in process.stdout:
        found = re.search(r"(http://127\.0\.0\.1:\d+)/lab\?token=(\w+)", line)
        if found:
            wait_until_it_listens(f"{found[1]}/api")
            yield process, found[1], found[2]
            break
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)


def wait_until_it_listens(url):
    """The address is shown a moment before anyone answers there."""
    for _ in range(100):
        with contextlib.suppress(urllib.error.URLError):
            return ASK(url, timeout=30).close()
        time.sleep(0.1)
    raise AssertionError(f"nobody answers at {url}")


def answer(lab, path):
    _, address, token = lab
    with ASK(f"{address}{path}?token={token}", timeout=30) as response:
        return json.loads(response.read())


def test_it_shows_the_notebooks_by_their_dags(lab, project):
    shown = {entry["name"] for entry in answer(lab, "/api/contents")["content"]}
    assert shown == {folder.name for folder in (project.home / "notebooks").iterdir() if folder.is_dir()}


def test_its_kernels_are_those_of_the_stages(lab):
    assert {"workbench", "data"} <= set(answer(lab, "/api/kernelspecs")["kernelspecs"])


def test_nobody_comes_in_without_the_token(lab):
    _, address, _ = lab
    with pytest.raises(urllib.error.HTTPError) as refused:
        ASK(f"{address}/api/contents", timeout=30)
    assert refused.value.code == 403


def listening(process):
    """The addresses where a process listens; none, if it is gone by now."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return {at.laddr.ip for at in process.net_connections() if at.status == psutil.CONN_LISTEN}
    return set()


def test_it_listens_on_loopback_alone(lab):
    server = psutil.Process(lab[0].pid)
    assert listening(server) == {"127.0.0.1"}
    assert set().union(*map(listening, server.children(recursive=True))) <= {"127.0.0.1"}


@pytest.fixture(scope="module")
def scheduled(project):
    """The files of a day that was trained, by their names; JupyterLab is opened after it."""
    for notebook, *values in [
        ("generate_data/01_generate", "-p", "source", "synthetic", "-p", "rows", "400"),
        ("train_weekly/01_prepare",),
        ("train_weekly/02_split",),
        ("train_weekly/03_train",),
        ("train_weekly/04_validate",),
    ]:
        command = [sys.executable, "-m", "galley.cli", "execute", f"notebooks/{notebook}.ipynb", "--ds", DS, *values]
        subprocess.run(command, env=project.environment, cwd=project.home, check=True, capture_output=True)
    return files_of(project)


def files_of(project):
    found = [path for folder in ("data", "outputs") for path in (project.home / folder).rglob("*") if path.is_file()]
    return {path: path.read_bytes() for path in found if "mlflow" not in path.parts and not path.name.startswith(".")}


def person(lab):
    """Somebody at this JupyterLab."""
    _, address, token = lab

    def ask(url, method="GET", body=None, **headers):
        data = None if body is None else json.dumps(body).encode()
        headers |= {"Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310 - our own server
        with ASK(request, timeout=60) as answer:
            return answer.status, answer.read().decode()

    return Lab(SimpleNamespace(settings={"JUPYTER_TOKEN": token}, url=lambda _: address, ask=ask))


def in_mlflow(project, query):
    with contextlib.closing(sqlite3.connect(project.home / "data" / "mlflow" / "mlflow.db")) as database:
        return database.execute(query).fetchall()


def test_a_training_is_run_there_and_neither_files_nor_versions_of_the_schedule_change(scheduled, project, lab):
    versions = in_mlflow(project, "select name, version from model_versions")
    for notebook in ("01_prepare", "02_split", "03_train", "04_validate"):
        errors, said = person(lab).run(f"train_weekly/{notebook}.ipynb")
        assert not errors
        assert f"day {DS} (ds was left at None: the latest day there is)" in said
    assert files_of(project) == scheduled
    trained = project.home / ".scratch" / "data" / "models" / DS / "MLmodel"
    assert trained.is_file()
    assert not trained.is_symlink()
    assert in_mlflow(project, "select name, version from model_versions") == versions == [("flights-late", 1)]
    runs = "select name, value from runs left join tags on tags.run_uuid = runs.run_uuid and key = 'galley.ad_hoc'"
    assert in_mlflow(project, f"{runs} order by start_time") == [
        (f"train {DS}", None), (f"ad hoc: train {DS}", "true"),
    ]  # fmt: skip
