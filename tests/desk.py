"""The desk: a real Airflow on a project of its own, and what people do there with the week of a model."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from galley.local import ports, workbench
from galley.local.airflow import ADMIN, Airflow, airflow_home, database, environment_of
from galley.local.api import Client, logical_date
from galley.local.errors import AirflowError
from galley.local.runs import DagRun, TaskRun
from galley.settings import Settings

SERVE = Path(__file__).parent / "browser" / "serve.py"
PATIENCE = 300
"""Seconds after which a task that does not come to a state counts as hanging."""
DAG = "train_weekly"
SHORT = "response_timeout=timedelta(seconds=30), reminder=timedelta(seconds=15), "
"""Times of a review, long enough for the scheduler to see each asking process end."""


@cache
def _fresh() -> TemporaryDirectory[str]:
    """An Airflow's home in which nothing has happened: to make its database takes Airflow nine seconds."""
    folder = TemporaryDirectory()
    settings = Settings.from_environment({"GALLEY_HOME": folder.name})
    Airflow(settings, ports.free(), schedule=False).prepare()
    return folder


def give_database(settings: Settings) -> None:
    """Have an Airflow begin with a database like the one that it would make."""
    home, fresh = airflow_home(settings), airflow_home(Settings.from_environment({"GALLEY_HOME": _fresh().name}))
    home.mkdir(mode=0o700, exist_ok=True)
    for name in (database(settings).name, "migrated-to"):
        shutil.copy2(fresh / name, home)


def start_kernels_ahead(settings: Settings, environment: dict[str, str]) -> None:
    """Have the servers of warm kernels run before an Airflow does: those that it starts itself end with it.

    Each spends ten seconds of a processor on its imports.
    """
    command = [sys.executable, "-m", "galley.kernels.warm.ahead"]
    subprocess.run(command, env=environment_of(settings, environment), check=True, stderr=subprocess.DEVNULL)


class Registry:
    """A project's MLflow server, to be stopped and started."""

    def __init__(self, settings):
        self.settings = settings
        self.url = f"http://127.0.0.1:{settings.mlflow_port}"
        self.start()

    def start(self):
        service = workbench.mlflow(self.settings)
        self._process = subprocess.Popen(
            service.command,
            env=service.environment,
            cwd=service.directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while not ports.is_open(self.settings.mlflow_port):
            assert self._process.poll() is None
            time.sleep(0.2)

    def stop(self):
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(timeout=60)

    @contextmanager
    def away(self):
        """It does not answer while this lasts."""
        self.stop()
        yield
        self.start()

    def champion(self):
        """The version in production; None if there is none."""
        model = self._get("registered-models/get", name=self.settings.model.name)["registered_model"]
        return {alias["alias"]: alias["version"] for alias in model.get("aliases", ())}.get("champion")

    def _get(self, path, **query):
        with urlopen(f"{self.url}/api/2.0/mlflow/{path}?{urlencode(query)}", timeout=30) as answer:  # noqa: S310 - our own server
            return json.load(answer)


@dataclass(frozen=True)
class Desk:
    """One Airflow. A week is named by its date stamp, a task by its name in train_weekly unless told otherwise."""

    settings: Settings
    port: int
    process: subprocess.Popen[str]
    _clients: dict[str, Client] = field(default_factory=dict)

    @classmethod
    def open(cls, home, port, environment):
        """Start Airflow on a project, and return when it takes orders."""
        settings = Settings.from_environment(environment)
        give_database(settings)
        start_kernels_ahead(settings, environment)
        process = subprocess.Popen(
            [sys.executable, SERVE, str(port)], env=environment, cwd=home, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout.readline().strip() == "ready", f"see {home}/.airflow/logs/services"
        return cls(settings, port, process)

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=120)

    def client(self, user=ADMIN):
        if user not in self._clients:
            airflow = Airflow(self.settings, self.port, schedule=False)
            self._clients[user] = Client(airflow.url, user, airflow.passwords()[user])
        return self._clients[user]

    def ask(self, method, path, body=None, user=ADMIN):
        """Airflow's answer; raises AirflowError, which names the status, if that is an error."""
        return self.client(user)._call(method, f"/api/v2/{path}", body)

    def trigger(self, dag, ds, user=ADMIN, **conf):
        body = {"dag_run_id": f"week__{ds}", "logical_date": logical_date(ds), "conf": conf}
        self.ask("POST", f"dags/{dag}/dagRuns", body, user)

    def page(self, path, user=ADMIN):
        """Status and text of a page below /galley."""
        client = self.client(user)
        self.ask("GET", "dags?limit=1", user=user)  # which logs in
        headers = {"Authorization": f"Bearer {client._token}"}
        try:
            with client._open(Request(f"{client.url}/galley/{path}", headers=headers), timeout=60) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    def backfill(self, ds):
        """What `airflow backfill create` asks for."""
        body = {"dag_id": DAG, "from_date": logical_date(ds), "to_date": logical_date(ds), "max_active_runs": 1}
        deadline = time.monotonic() + PATIENCE
        while not self._asked_to_backfill(body):  # refused on SQLite whenever something else writes
            assert time.monotonic() < deadline, "the database is locked all the time"
            time.sleep(1)

    def _asked_to_backfill(self, body):
        try:
            self.ask("POST", "backfills", body)
        except AirflowError as error:
            if "Database is locked" not in str(error):
                raise
            return False
        return True

    def run(self, ds, dag=DAG):
        """The run of a day with its tasks, or None: from the database, for each look at the server costs it work."""
        at = datetime.fromisoformat(ds).strftime("%Y-%m-%d %H:%M:%S.%f")
        with closing(sqlite3.connect(database(self.settings), timeout=60)) as airflow:
            asked = "select run_id, state from dag_run where dag_id = ? and logical_date = ?"
            found = airflow.execute(asked, (dag, at)).fetchone()
            if found is None:
                return None
            asked = "select task_id, state, try_number from task_instance where dag_id = ? and run_id = ?"
            tasks = airflow.execute(asked, (dag, found[0])).fetchall()
        return DagRun(dag, found[0], ds, found[1], tuple(TaskRun(*task, start=None, end=None) for task in tasks))

    def task(self, ds, task_id, dag=DAG):
        run = self.run(ds, dag)
        return run and next((task for task in run.tasks if task.task_id == task_id), None)

    def wait(self, ds, task_id, state, dag=DAG):
        """Return when a task has come to a state."""
        deadline = time.monotonic() + PATIENCE
        while (task := self.task(ds, task_id, dag)) is None or task.state != state:
            now = task and task.state
            assert time.monotonic() < deadline, f"{task_id} of {ds} did not come to {state}: it is {now}"
            assert now not in ("failed", "upstream_failed"), f"{task_id} of {ds}: {now}. {self.log(ds, task_id, dag)}"
            time.sleep(0.2)

    def clear(self, ds, task_id, is_finished=True):
        """Have a task of a week done again, and what follows it."""
        # While a run is being finished, Airflow clears its tasks and then calls the run finished all the same.
        while (run := self.run(ds)).state not in ("success", "failed") and is_finished:
            time.sleep(0.5)
        body = {"dry_run": False, "dag_run_id": run.run_id, "task_ids": [task_id]}
        body |= {"include_downstream": True, "only_failed": False, "reset_dag_runs": True}
        self.ask("POST", f"dags/{DAG}/clearTaskInstances", body)

    def answer(self, ds, option, reason, user="ada", dag=DAG):
        """Answer the review of a week, as soon as a program may: see galley.local.parking, which knows of one wait."""
        self.wait(ds, "approval", "awaiting_input", dag)
        while not self._ends_were_seen(ds, dag):
            time.sleep(0.5)
        self.answer_now(ds, option, reason, user, dag)

    def _ends_were_seen(self, ds, dag):
        """Whether the scheduler has seen the end of each process that asked in this try."""
        run, task = self.run(ds, dag), self.task(ds, "approval", dag)
        words = (dag, run.run_id, "approval", f"try_number={task.try_number}")
        log = (self.settings.home / ".airflow/logs/services/scheduler.log").read_text(errors="replace").splitlines()
        lines = [line for line in log if all(word in line for word in words)]
        asked = sum("Pausing task as AWAITING_INPUT" in line for line in lines)
        ended = sum("Received executor event with state success" in line for line in lines)
        return 0 < asked <= ended

    def answer_now(self, ds, option, reason, user="ada", dag=DAG):
        body = {"chosen_options": [option], "params_input": {"reason": reason}}
        self.ask("PATCH", f"{self._instance(ds, 'approval', dag)}/-1/hitlDetails", body, user)

    def mark_success(self, ds, task_id):
        self.ask("PATCH", self._instance(ds, task_id), {"new_state": "success"})

    def form(self, ds, dag=DAG):
        """What Airflow shows to whoever may answer the review."""
        return self.ask("GET", f"{self._instance(ds, 'approval', dag)}/-1/hitlDetails")

    def set_xcom(self, ds, task_id, value, user=ADMIN):
        self.ask("PATCH", f"{self._instance(ds, task_id)}/xcomEntries/return_value", {"value": value}, user)

    def log(self, ds, task_id, dag=DAG):
        """What a task said in its latest try."""
        folder = self.settings.home / ".airflow/logs" / f"dag_id={dag}" / f"run_id={self.run(ds, dag).run_id}"
        tries = sorted((folder / f"task_id={task_id}").glob("*.log"), key=lambda path: path.stat().st_mtime)
        return tries[-1].read_text() if tries else ""

    def _instance(self, ds, task_id, dag=DAG):
        run_id = quote(self.run(ds, dag).run_id, safe="")
        return f"dags/{dag}/dagRuns/{run_id}/taskInstances/{task_id}"


def galley(project, registry, *words):
    """The command line of a project whose registry is a server."""
    return subprocess.run(
        [sys.executable, "-m", "galley.cli", *words],
        env=project.environment | {"MLFLOW_TRACKING_URI": registry.url},
        cwd=project.home,
        capture_output=True,
        text=True,
    )


@contextmanager
def changed(path):
    """A file that somebody changed, until it is put back."""
    kept = path.with_name(path.name + ".kept")
    shutil.copy2(path, kept)
    path.write_bytes(path.read_bytes() + b"\n")
    yield
    kept.replace(path)


@contextmanager
def little_patience(home):
    """The review of every week waits for seconds instead of days."""
    dag = home / "dags" / f"{DAG}.py"
    patient = dag.read_text()
    dag.write_text(
        patient.replace("import UTC,", "import UTC, timedelta,").replace(
            'Operator(\n        task_id="approval"', f'Operator(\n        {SHORT}task_id="approval"'
        )
    )
    assert SHORT in dag.read_text()
    yield
    dag.write_text(patient)
