"""Weekly: five steps of a training in Airflow, as notebooks, as PythonOperator tasks and as BashOperator scripts.

Usage: .venvs/bench/bin/python benchmarks/weekly.py [ROUNDS]

The same lines in three ways, on one scheduler, one run after the other, taking turns. An embedded Airflow runs in a
temporary folder, from an environment that has MLflow and scikit-learn too: PythonOperator needs them there. What a run
took is what Airflow's database says; where a stage's time goes, the task's log and its executed notebook say too.

Before that each script has run once, which makes the registry, and one run of notebooks has started the server of warm
kernels and all of Airflow's workers.
"""

import json
import os
import shutil
import sqlite3
import subprocess
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
from measuring import HOME, in_turns, keep, ratios, rounds_of, script_of, shown, summed_up, table

from galley.days import Day
from galley.local import failure, ports
from galley.local.airflow import ADMIN, Airflow, airflow_home, database
from galley.local.api import Client
from galley.local.errors import RunFailed
from galley.local.services import Services
from galley.run.execute import Execution, StageRun
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
WORKBENCH = HOME / ".venvs" / "workbench" / "bin" / "python"
PARTS = (
    "scheduler: from the task before until queued",
    "queued, until a worker has it",
    "process, Airflow's own start",
    "DAG file",
    "imports, what it rests on, first save",
    "parameters, kernel",
    "cells",
    "between the cells: messages, saves",
    "end of the kernel",
    "last save, page",
    "publishing, XCom",
)
"""Of a task and its stage, one after the other."""
Times = dict[str, datetime]
"""Of a task, by the column of Airflow's database."""


def write_project(project: Path) -> None:
    """The notebooks as they are, scripts of the same lines, and a DAG for each way."""
    shutil.copytree(HOME / "notebooks", project / "notebooks")
    shutil.copy(HOME / "galley.toml", project)
    (project / "dags").mkdir()
    for name in STEPS:
        notebook = project / "notebooks" / "train_weekly" / f"{name}.ipynb"
        script_of(notebook, {"ds": DS}, project / "scripts" / f"{name}.py")
    given = {"SCRIPTS": project / "scripts", "PYTHON": WORKBENCH, "STEPS": STEPS, '"DS"': repr(DS)}
    for way, steps in WAYS.items():
        text = HEAD + steps + TAIL.replace("WAY", way)
        for name, value in given.items():
            text = text.replace(name, str(value))
        (project / "dags" / f"{way}.py").write_text(text)


def prepare(settings: Settings) -> None:
    """The day's data, by the stage that makes it; and each step once, as PythonOperator will run it."""
    path = settings.notebooks / "generate_data" / "01_generate.ipynb"
    Execution(StageRun(path, {"ds": DS}, Day.of(DS, settings).reports("generate_data"), path.stem, path.stem)).run()
    for name in STEPS:
        subprocess.run([sys.executable, settings.home / "scripts" / f"{name}.py"], capture_output=True, check=True)


class Desk:
    """A running Airflow that is asked for one run after the other."""

    def __init__(self, airflow: Airflow, services: Services) -> None:
        self._client = Client(airflow.url, ADMIN, airflow.passwords()[ADMIN])
        self._services = services
        self._settings = airflow.settings
        self._day = date(2025, 1, 1)

    def start(self, airflow: Airflow) -> None:
        """Wait until it knows the DAGs."""
        began = datetime.now(UTC)
        for service in airflow.services():
            self._services.start(service)
        self._client.wait_until_ready(list(WAYS), began, self._services.check)
        for way in WAYS:
            self._client.unpause(way)

    def run(self, way: str) -> tuple[Times, dict[str, Times]]:
        """When a run, and when each of its tasks, began and ended, by Airflow's own account."""
        self._day += timedelta(1)
        self._client.trigger(way, self._day.isoformat(), {})
        while (run := self._client.run(way, self._day.isoformat())) is None or run.state in ("queued", "running"):
            self._services.check()
            time.sleep(0.5)
        if run.state != "success":
            raise RunFailed(failure.describe(run, self._settings))
        (whole,) = self._ask("dag_run", ["start_date", "end_date"], way, run.run_id)
        tasks = self._ask("task_instance", ["task_id", "queued_dttm", "start_date", "end_date"], way, run.run_id)
        return times(whole), {task.pop("task_id"): times(task) for task in tasks}

    def log(self, way: str, step: str) -> list[dict[str, Any]]:
        """What the task of the last run said."""
        logs = airflow_home(self._settings) / "logs" / f"dag_id={way}"
        (path,) = logs.glob(f"run_id=*{self._day}/task_id={step}/attempt=1.log")
        return [json.loads(line) for line in path.read_text().splitlines()]

    def _ask(self, what: str, columns: list[str], way: str, run_id: str) -> list[dict[str, str]]:
        question = f"select {', '.join(columns)} from {what} where dag_id = ? and run_id = ?"  # noqa: S608
        connection = sqlite3.connect(database(self._settings), timeout=60)
        try:
            return [dict(zip(columns, row, strict=True)) for row in connection.execute(question, (way, run_id))]
        finally:
            connection.close()


def moment(text: str) -> datetime:
    """A time as the database, a log or a record has it."""
    told = datetime.fromisoformat(text)
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def times(row: dict[str, str]) -> Times:
    """A row of the database, whose columns are times."""
    return {name: moment(text) for name, text in row.items()}


def seconds_of(one: Times) -> float:
    """From start to end."""
    return (one["end_date"] - one["start_date"]).total_seconds()


def parts(before: datetime, task: Times, log: list[dict[str, Any]], record: nbformat.NotebookNode) -> list[float]:
    """Milliseconds of each of PARTS; `before` is when the task could have been queued."""

    def said(text: str) -> dict[str, Any]:
        return next(line for line in log if text in line["event"])

    parsed = said("parse complete")
    cells = [cell.metadata.papermill for cell in record.cells if cell.metadata.get("papermill", {}).get("start_time")]
    first, last = moment(cells[0].start_time), moment(cells[-1].end_time)
    inside = sum((moment(cell.end_time) - moment(cell.start_time) for cell in cells), timedelta())
    marks = [
        before,
        task["queued_dttm"],
        task["start_date"],
        moment(parsed["timestamp"]) - timedelta(milliseconds=parsed["dag_file_parse_ms"]),
        moment(parsed["timestamp"]),
        moment(said("attempt ")["timestamp"]),
        first,
        first + inside,
        last,
        moment(record.metadata.galley.ended),
        moment(said(" Report: ")["timestamp"]),
        task["end_date"],
    ]
    return [1000 * (later - earlier).total_seconds() for earlier, later in pairwise(marks)]


@contextmanager
def a_project() -> Iterator[Settings]:
    """A project in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder:
        project = Path(folder).resolve()
        write_project(project)
        os.environ["GALLEY_HOME"] = str(project)
        os.environ["JUPYTER_PATH"] = str(HOME / ".venvs" / "jupyter")
        yield Settings.from_environment()


Taken = dict[str, Any]
"""Of one run: seconds of the whole and of each task, and of notebooks the milliseconds of each part."""


def run(desk: Desk, way: str, settings: Settings) -> Taken:
    """One run, and what is known of it."""
    whole, tasks = desk.run(way)
    taken: Taken = {"seconds": seconds_of(whole), "tasks": {step: seconds_of(tasks[step]) for step in STEPS}}
    if way == "notebooks":
        before = [whole["start_date"], *(tasks[step]["end_date"] for step in STEPS)]
        reports = Day.of(DS, settings).reports(way)
        taken["parts"] = {
            step: parts(ready, tasks[step], desk.log(way, step), nbformat.read(reports / f"{step}.ipynb", as_version=4))
            for step, ready in zip(STEPS, before, strict=False)
        }
    return taken


def measure(rounds: int) -> dict[str, list[Taken]]:
    """The runs, by way."""
    with a_project() as settings, Services(airflow_home(settings) / "logs" / "services") as services:
        prepare(settings)
        airflow = Airflow(settings, ports.free(), schedule=False)
        airflow.prepare()
        desk = Desk(airflow, services)
        desk.start(airflow)
        desk.run("notebooks")
        return in_turns({way: lambda way=way: run(desk, way, settings) for way in WAYS}, rounds, unkept=0)


def main() -> None:
    """Measure, and keep the tables in docs/benchmarks.md and the runs beside this file."""
    runs = measure(rounds_of(sys.argv[1:]))
    whole = {way: [taken["seconds"] for taken in runs[way]] for way in WAYS}
    rows = [["all five, s", *(shown(summed_up(whole[way]), 1) for way in WAYS)]]
    rows.append(
        ["notebooks : this", "", *(f"**{shown(ratios(whole, 'notebooks', to))}**" for to in ("python", "bash"))]
    )
    tasks = {step: {way: [taken["tasks"][step] for taken in runs[way]] for way in WAYS} for step in STEPS}
    rows += [[f"task {step}, s", *(shown(summed_up(tasks[step][way])) for way in WAYS)] for step in STEPS]
    keep(__file__, runs, table(["five steps in Airflow", *WAYS], rows))
    inside = {step: list(zip(*(taken["parts"][step] for taken in runs["notebooks"]), strict=True)) for step in STEPS}
    lines = [
        [part, *(f"{summed_up(inside[step][number])['median']:.0f}" for step in STEPS)]
        for number, part in enumerate(PARTS)
    ]
    sums = [f"**{sum(summed_up(part)['median'] for part in inside[step]):.0f}**" for step in STEPS]
    keep(__file__, runs, table(["milliseconds", *STEPS], [*lines, ["**all**", *sums]]), mark="profile")


if __name__ == "__main__":
    main()
