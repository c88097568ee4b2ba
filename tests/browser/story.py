"""The story: what has happened before a browser comes. One week approved, one broken, one that waits for its review."""

import csv
import json
import os
import shutil
import sqlite3
import subprocess
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from galley.local import parking, ports
from galley.local.api import Client, logical_date
from galley.settings import Settings

ROOT = Path(__file__).parents[2]
BROKEN, APPROVED, WAITING = "2026-11-09", "2026-11-16", "2026-11-23"
DAYS = [BROKEN, APPROVED, "2026-11-20", "2026-11-21", "2026-11-22", WAITING]
EARLIER = [str(date(2026, 10, 19) + timedelta(n)) for n in range(32)]
"""Days whose flights arrived before there was an Airflow: a training reaches back four weeks."""
PREDICTED = ["2026-11-21", "2026-11-22"]
PATIENCE = 1200
"""Seconds after which a run counts as hanging."""
REASON = "Better than guessing, on the whole week. Approved for the story."


_ARRIVE = """
import sys
from datetime import date
from pathlib import Path
from flights.source import replay
for ds in sys.argv[2:]:
    batch, folder = replay(date.fromisoformat(ds)), Path(sys.argv[1], ds)
    folder.mkdir(parents=True)
    for name, rows in (("data", batch.data), ("target", batch.target)):
        rows.to_csv(folder / f"{name}.csv", index=False, lineterminator="\\n")
"""


@dataclass
class Story:
    """A project in a folder of its own, its Airflow, and what was done in it."""

    home: Path
    alerts: str
    port: int
    process: subprocess.Popen[str]

    @classmethod
    def begin(cls, home: Path, alerts: str) -> "Story":
        """Start Airflow on a copy of the project's DAGs and notebooks; `alerts` is the URL that they go to."""
        for folder in ("dags", "notebooks"):
            shutil.copytree(ROOT / folder, home / folder, dirs_exist_ok=True)
        shutil.copy(ROOT / "galley.toml", home)
        port = ports.free()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GALLEY_", "MLFLOW_"))}
        process = subprocess.Popen(
            [ROOT / ".venvs/airflow/bin/python", Path(__file__).with_name("serve.py"), str(port)],
            env=kept
            | {"GALLEY_HOME": str(home), "GALLEY_LAB_URL": "http://127.0.0.1:8888", "GALLEY_ALERT_URLS": alerts},
            cwd=home,
            stdout=subprocess.PIPE,
            text=True,
        )
        line = process.stdout.readline() if process.stdout else ""
        assert line.strip() == "ready", f"Airflow did not start: see {home}/.airflow/logs/services"
        return cls(home, alerts, port, process)

    def end(self) -> None:
        """Stop every process of it."""
        self.process.terminate()
        self.process.wait(timeout=120)

    def move(self) -> None:
        """Start Airflow anew, on another port."""
        self.end()
        moved = Story.begin(self.home, self.alerts)
        self.port, self.process = moved.port, moved.process

    @property
    def url(self) -> str:
        """Where Airflow is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> Settings:
        """The settings that everything runs with."""
        return Settings.from_environment({"GALLEY_HOME": str(self.home)})

    @property
    def outputs(self) -> Path:
        """Where the reports are."""
        return self.home / "outputs"

    def password(self, user: str) -> str:
        """A user's password."""
        passwords: dict[str, str] = json.loads((self.home / ".airflow/passwords.json").read_text())
        return passwords[user]

    def champion(self) -> int | None:
        """The version that is in production, from the registry's own database."""
        with sqlite3.connect(f"file:{self.home}/data/mlflow/mlflow.db?mode=ro", uri=True) as registry:
            found = registry.execute("select version from registered_model_aliases where alias = 'champion'").fetchone()
        return found and int(found[0])

    def tell(self) -> None:
        """Let it all happen; what has happened already is left as it is."""
        self._arrive()
        self._run("generate_data", DAYS)
        self._break(BROKEN)
        self._run("train_weekly", [BROKEN], until="failed")
        self._run("train_weekly", [APPROVED])
        self._run("predict_daily", PREDICTED)
        self._run("train_weekly", [WAITING], until="awaiting_input")

    def _arrive(self) -> None:
        raw = self.settings.data / "raw"
        days = [ds for ds in EARLIER if ds not in DAYS and not (raw / ds).exists()]
        subprocess.run([ROOT / ".venvs/data/bin/python", "-c", _ARRIVE, raw, *days], check=True)

    def wait_for(self, dag_id: str, ds: str) -> None:
        """Return when a run has come to its end without error."""
        self._run(dag_id, [ds])

    def wait_for_question(self, dag_id: str, run_id: str) -> None:
        """Return when a run waits for a person; its id as addresses have it."""
        client, deadline = self._client("admin"), time.monotonic() + PATIENCE
        address = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances?state=awaiting_input"
        while not client._call("GET", address)["task_instances"]:
            assert time.monotonic() < deadline, f"{dag_id} asks nobody"
            time.sleep(1)

    def roll_back(self, ds: str) -> None:
        """Put the former champion back, as a person who triggers the DAG would."""
        client = self._client("admin")
        if client.run("rollback_model", ds) is None:
            body = {"dag_run_id": f"demonstration__{ds}", "logical_date": logical_date(ds), "conf": {"reason": REASON}}
            client._call("POST", "/api/v2/dags/rollback_model/dagRuns", body)
        self._run("rollback_model", [ds])

    def _run(self, dag_id: str, days: list[str], until: str = "success") -> None:
        client = self._client("admin")
        for ds in days:
            if client.run(dag_id, ds) is None:
                # The champion comes today, by the clock, and these days are over.
                client.trigger(dag_id, ds, {"model_as_of": "now"} if dag_id == "predict_daily" else {})
        deadline = time.monotonic() + PATIENCE
        waiting = list(days)
        while waiting:
            assert time.monotonic() < deadline, f"{dag_id} of {waiting} did not come to {until}"
            time.sleep(2)
            waiting = [ds for ds in waiting if not self._stands(client, dag_id, ds, until)]

    def _stands(self, client: Client, dag_id: str, ds: str, until: str) -> bool:
        run = client.run(dag_id, ds)
        assert run is not None
        assert run.state != "failed" or until == "failed", f"{dag_id} of {ds} failed"
        for task in run.tasks:
            if until == "success" and parking.may_be_answered(run, task, self.settings):
                self._client("reviewer").answer(run, task.task_id, "Approve", reason=REASON)
        return until == run.state or (until == "awaiting_input" and until in {task.state for task in run.tasks})

    def _client(self, user: str) -> Client:
        return Client(self.url, user, self.password(user))

    def _break(self, ds: str) -> None:
        """Take a column out of a day's data, as a source that changed without a word would."""
        path = self.home / "data/raw" / ds / "data.csv"
        with path.open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        names = [name for name in rows[0] if name != "distance"]
        with path.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, names, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
