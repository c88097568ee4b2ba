"""Weekly: five steps of a training in Airflow, as notebooks, as PythonOperator tasks and as BashOperator scripts.

Usage: .venvs/bench/bin/python benchmarks/weekly.py [ROUNDS]

The same lines in three ways, on one scheduler, one run after the other, taking turns. An embedded Airflow runs in a
temporary folder, from an environment that has MLflow and scikit-learn too: PythonOperator needs them there. What a run
took is what Airflow's database says; where a stage's time goes, the record in its executed notebook says too.
"""

import os
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
from measuring import HOME, in_turns, keep, ratios, script_of, shown, summed_up, table

from galley.days import Day
from galley.execute import Execution, StageRun
from galley.local import failure, ports
from galley.local.airflow import ADMIN, Airflow, database
from galley.local.api import Client
from galley.local.errors import RunFailed
from galley.local.services import Services
from galley.settings import Settings

DS = "2026-11-23"
STEPS = ["01_prepare", "02_split", "03_train", "04_validate", "05_review"]
HEAD = """
from datetime import UTC, datetime

from airflow.sdk import DAG
"""
WAYS = {
    "notebooks": """
from galley.airflow.notebook import NotebookOperator

def step(name):
    return NotebookOperator(
        task_id=name, input_nb=f"train_weekly/{name}.ipynb", parameters={"ds": "DS"}
    )
""",
    "python": """
import runpy

from airflow.providers.standard.operators.python import PythonOperator

def step(name):
    script = f"SCRIPTS/{name}.py"
    return PythonOperator(task_id=name, python_callable=runpy.run_path, op_args=[script], do_xcom_push=False)
""",
    "bash": """
from airflow.providers.standard.operators.bash import BashOperator

def step(name):
    return BashOperator(task_id=name, bash_command=f"PYTHON SCRIPTS/{name}.py")
""",
}
TAIL = """
with DAG("WAY", schedule=None, start_date=datetime(2013, 1, 1, tzinfo=UTC)):
    before = None
    for name in STEPS:
        task = step(name)
        if before is not None:
            before >> task
        before = task
"""
PARTS = {
    "scheduled, queued, picked up": "queued_dttm to start_date",
    "process, DAG file, imports": "start_date to the record's start",
    "parameters, kernel": "to the first cell's start",
    "cells, and saves between them": "to the last cell's end",
    "end of the kernel, record": "to the record's end",
    "page, publishing, XCom": "to end_date",
}
"""Of a stage in its task, and between which times they lie."""


def write_project(project: Path) -> None:
    """The notebooks as they are, scripts of the same lines, and a DAG for each way."""
    shutil.copytree(HOME / "notebooks", project / "notebooks")
    (project / "dags").mkdir()
    for name in STEPS:
        notebook = project / "notebooks" / "train_weekly" / f"{name}.ipynb"
        script_of(notebook, {"ds": DS}, project / "scripts" / f"{name}.py")
    python = HOME / ".venvs" / "workbench" / "bin" / "python"
    given = {"SCRIPTS": project / "scripts", "PYTHON": python, "STEPS": STEPS, '"DS"': repr(DS)}
    for way, steps in WAYS.items():
        text = HEAD + steps + TAIL.replace("WAY", way)
        for name, value in given.items():
            text = text.replace(name, str(value))
        (project / "dags" / f"{way}.py").write_text(text)


def generate(settings: Settings) -> None:
    """The day's data, by the stage that makes it."""
    path = settings.notebooks / "generate_data" / "01_generate.ipynb"
    Execution(StageRun(path, {"ds": DS}, Day.of(DS, settings).reports("generate_data"), path.stem, path.stem)).run()


class Desk:
    """A running Airflow that is asked for one run after the other."""

    def __init__(self, airflow: Airflow, services: Services) -> None:
        self._client = Client(airflow.url, ADMIN, airflow.passwords()[ADMIN])
        self._services = services
        self._settings = airflow.settings
        self._day = date(2025, 1, 1)
        self.runs: list[tuple[str, str]] = []

    def start(self, airflow: Airflow) -> None:
        """Wait until it knows the DAGs."""
        began = datetime.now(UTC)
        for service in airflow.services():
            self._services.start(service)
        self._client.wait_until_ready(list(WAYS), began, self._services.check)
        for way in WAYS:
            self._client.unpause(way)

    def run(self, way: str) -> float:
        """Seconds of one run, by Airflow's own account."""
        self._day += timedelta(1)
        self._client.trigger(way, self._day.isoformat(), {})
        while (run := self._client.run(way, self._day.isoformat())) is None or run.state in ("queued", "running"):
            self._services.check()
            time.sleep(0.5)
        if run.state != "success":
            raise RunFailed(failure.describe(run, self._settings))
        self.runs.append((way, run.run_id))
        ((began, ended),) = self._ask(
            "select start_date, end_date from dag_run where run_id = ? and dag_id = ?", run.run_id, way
        )
        return (moment(ended) - moment(began)).total_seconds()

    def tasks(self, way: str, run_id: str) -> dict[str, tuple[datetime, datetime, datetime]]:
        """When each task of a run was queued, started and ended."""
        question = (
            "select task_id, queued_dttm, start_date, end_date from task_instance where run_id = ? and dag_id = ?"
        )
        return {name: tuple(map(moment, times)) for name, *times in self._ask(question, run_id, way)}

    def _ask(self, question: str, *values: str) -> list[Any]:
        connection = sqlite3.connect(database(self._settings), timeout=60)
        try:
            return connection.execute(question, values).fetchall()
        finally:
            connection.close()


def moment(text: str) -> datetime:
    """A time as the database or a record has it."""
    told = datetime.fromisoformat(text)
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def parts(times: tuple[datetime, datetime, datetime], record: nbformat.NotebookNode) -> list[float]:
    """Seconds of each of PARTS, of one stage."""
    cells = [cell.metadata.papermill for cell in record.cells if cell.metadata.get("papermill", {}).get("start_time")]
    inside = [record.metadata.galley.started, cells[0].start_time, cells[-1].end_time, record.metadata.galley.ended]
    marks = [times[0], times[1], *map(moment, inside), times[2]]
    return [(later - earlier).total_seconds() for earlier, later in pairwise(marks)]


@contextmanager
def a_project() -> Iterator[Settings]:
    """A project in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder:
        project = Path(folder).resolve()
        write_project(project)
        os.environ["GALLEY_HOME"] = str(project)
        os.environ["JUPYTER_PATH"] = str(HOME / ".venvs" / "jupyter")
        yield Settings.from_environment()


def measure(rounds: int) -> dict[str, Any]:
    """Seconds of whole runs by way, and of a stage's parts by step."""
    with a_project() as settings, Services(settings.home / ".airflow" / "logs" / "services") as services:
        generate(settings)
        airflow = Airflow(settings, ports.free(), schedule=False)
        airflow.prepare()
        desk = Desk(airflow, services)
        desk.start(airflow)
        inside: dict[str, list[list[float]]] = {step: [] for step in STEPS}

        def run(way: str) -> float:
            seconds = desk.run(way)
            if way == "notebooks":
                for step, times in desk.tasks(*desk.runs[-1]).items():
                    path = Day.of(DS, settings).reports("notebooks") / f"{step}.ipynb"
                    inside[step].append(parts(times, nbformat.read(path, as_version=4)))
            return seconds

        taken = in_turns({way: lambda way=way: run(way) for way in WAYS}, rounds)
    return {
        "seconds": taken,
        "summary": {way: summed_up(values) for way, values in taken.items()},
        "ratio": {f"notebooks : {way}": ratios(taken, "notebooks", way) for way in ("python", "bash")},
        "parts": {
            step: [statistics.median(part) for part in zip(*kept[1:], strict=True)] for step, kept in inside.items()
        },
    }


def main() -> None:
    """Measure, and keep the tables in docs/benchmarks.md and the seconds beside this file."""
    results = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
    rows = [[way, shown(summary)] for way, summary in results["summary"].items()]
    rows += [[f"**{name}**", f"**{shown(summary)}**"] for name, summary in results["ratio"].items()]
    told = table(["five steps in Airflow, as", "seconds"], rows)
    inside = [[part, *(f"{1000 * results['parts'][step][n]:.0f}" for step in STEPS)] for n, part in enumerate(PARTS)]
    profile = table(["milliseconds of a stage in its task", *STEPS], inside)
    print(told, profile, sep="\n\n")  # noqa: T201
    keep(__file__, results, told)
    keep(__file__, results, profile, mark="profile")


if __name__ == "__main__":
    main()
