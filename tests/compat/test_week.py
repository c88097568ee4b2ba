"""A whole week on an Airflow that knows nothing of this repository: plain settings, a home and users of its own."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from galley.local import parking
from galley.local.api import Client
from galley.local.services import Service, Services
from galley.settings import Settings

DS = "2026-11-23"
PATIENCE = 900
"""Seconds after which a run that does not come to its end counts as hanging."""
PASSWORDS = {"admin": "of the admin", "ada": "of the reviewer"}
SERVICES = {
    "api-server": ["--workers", "1"],
    "scheduler": ["--skip-serve-logs"],
    "dag-processor": [],
    "triggerer": ["--skip-serve-logs"],
}


@pytest.fixture
def project(monkeypatch):
    """The settings of the project in this folder, and Airflow's, as a deployment sets them: in the environment."""
    # Of those that no kernel is given by the system, for it is some time until Airflow has it.
    home, port = Path.cwd(), 20_000 + os.getpid() % 10_000
    (home / ".airflow").mkdir()
    (home / ".airflow/passwords.json").write_text(json.dumps(PASSWORDS))
    url = f"http://127.0.0.1:{port}"
    settings = {
        "AIRFLOW_HOME": home / ".airflow",
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": port,
        "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this test, of more than sixty-four bytes, as HS512 wants it",
        "AIRFLOW__CORE__DAGS_FOLDER": home / "dags",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__LOAD_EXAMPLES": False,
        "AIRFLOW__CORE__PARALLELISM": 4,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": home / ".airflow/passwords.json",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,ada:user",
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": False,
        "GALLEY_HOME": home,
        "GALLEY_REVIEWERS": "ada",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, str(value))
    galley("keys", "generate", "2026", "--private", home / "key")
    connection = {"conn_type": "generic", "password": (home / "key").read_text()}
    monkeypatch.setenv("AIRFLOW_CONN_GALLEY_SIGNING", json.dumps(connection))
    return Settings.from_environment(), url


@pytest.fixture
def airflow(project):
    """The clients of two people, by name, on an Airflow that runs."""
    settings, url = project
    began = datetime.now(UTC)
    command = [sys.executable, "-m", "airflow"]
    subprocess.run([*command, "db", "migrate"], check=True, stdout=subprocess.DEVNULL)
    logs = settings.home / ".airflow/logs/services"
    logs.mkdir(parents=True)
    with Services(logs) as services:
        for name, options in SERVICES.items():
            services.start(Service(name, [*command, name, *options], dict(os.environ), settings.home))
        clients = {name: Client(url, name, password) for name, password in PASSWORDS.items()}
        dags = ["generate_data", "train_weekly", "predict_daily"]
        clients["admin"].wait_until_ready(dags, began, services.check)
        for dag in dags:
            clients["admin"].unpause(dag)
        yield clients


def test_data_a_training_a_named_approval_a_promotion_and_predictions(project, airflow):
    settings, url = project
    perform(airflow, settings, "generate_data", source="synthetic", rows=400)
    perform(airflow, settings, "train_weekly", train_days=1)
    perform(airflow, settings, "predict_daily", model_as_of="now")

    decision = json.loads((settings.outputs / DS / "train_weekly/decision.json").read_text())
    assert (decision["decision"], decision["reviewer"]) == ("Approve", "ada")
    predicted = json.loads((settings.data / "predictions" / DS / "predictions.json").read_text())
    assert predicted["rows"] == 400
    galley("verify", DS)
    token = airflow["ada"]._token
    assert status(f"{url}/galley/reports") == 401
    assert status(f"{url}/galley/reports/{DS}/train_weekly/05_review.html", token) == 200


def galley(*words):
    """The command line in this environment."""
    told = subprocess.run([sys.executable, "-m", "galley.cli", *map(str, words)], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr


def perform(airflow, settings, dag, **conf):
    """Have a DAG run for the day, with its review answered by ada, and return when it has succeeded."""
    airflow["admin"].trigger(dag, DS, conf)
    deadline = time.monotonic() + PATIENCE
    answered = False
    while (run := airflow["admin"].run(dag, DS)).state != "success":
        states = {task.task_id: task.state for task in run.tasks}
        assert run.state != "failed", f"{dag}: {states}"
        assert time.monotonic() < deadline, f"{dag} takes too long: {states}"
        for task in run.tasks:
            # Before 3.3 a task that waits for a person is deferred.
            is_asked = task.task_id == "approval" and task.state == "deferred"
            if not answered and (is_asked or parking.may_be_answered(run, task, settings)):
                airflow["ada"].answer(run, task.task_id, "Approve", reason="better than guessing")
                answered = True
        time.sleep(1)


def status(url, token=None):
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with urlopen(Request(url, headers=headers), timeout=30) as answer:  # noqa: S310 - our own server
            return answer.status
    except HTTPError as error:
        return error.code
