"""Reports at length: five years of days, twelve stages each. How long their pages take, and what a task process pays.

Usage: .venvs/airflow/bin/python benchmarks/reports.py [FOLDER]; a folder that is kept saves the minute of filling it.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import nbformat

from galley import files
from galley.reports.headline import headline
from galley.reports.index import Index
from galley.reports.search import Filter, search

DAYS = 1825
STAGES = {"generate_data": 1, "predict_daily": 1, "train_weekly": 10}
LAST = date(2026, 11, 23)
IMPORT = (
    "import time, airflow.plugins_manager; began = time.perf_counter(); import galley.airflow.plugin; "
    "print(1000 * (time.perf_counter() - began))"
)


def fill(outputs: Path) -> None:
    """Write a notebook of 40 kB for each stage, as an attempt and as the accepted run."""
    output = nbformat.v4.new_output("stream", text="a line of output\n" * 250)
    cells = [nbformat.v4.new_code_cell("x = 1", outputs=[output]) for _ in range(8)]
    for n in range(DAYS):
        ds = (LAST - timedelta(n)).isoformat()
        for dag_id, count in STAGES.items():
            attempts = outputs / ds / dag_id / "attempts"
            attempts.mkdir(parents=True)
            for stage in range(1, count + 1):
                node = nbformat.v4.new_notebook(cells=cells)
                node.metadata.galley = {"end": {"state": "completed"}, "run": {"dag_id": dag_id, "ds": ds}}
                attempt = attempts / f"{stage:02}_stage{stage}.try1.ipynb"
                attempt.write_text(nbformat.writes(node))
                os.link(attempt, outputs / ds / dag_id / f"{stage:02}_stage{stage}.ipynb")
            files.write_json(outputs / ds / dag_id / "metrics.json", {"stage1": {"score": n % 7 / 10}})


def look(index: Index, wanted: Filter) -> None:
    """What a page of the listing reads."""
    found = search(index, wanted, lambda _: True, (), "")
    days = index.days()
    for ds, dags in found.days:
        for day in dags:
            headline(index, ds, day.dag_id, ["stage1.score"], days)


def milliseconds(do: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    do()
    return 1000 * (time.perf_counter() - began)


def report(outputs: Path) -> None:
    """Print a line a question: the first time and the second."""
    questions = {
        "newest days": Filter(),
        "one DAG, four years ago": Filter("train_weekly", until="2022-11-23"),
        "a state that is nowhere": Filter(state="killed"),
    }
    for name, wanted in questions.items():
        index = Index(outputs)
        first, second = (milliseconds(lambda index=index, wanted=wanted: look(index, wanted)) for _ in range(2))
        print(f"{name:<26} {first:7.0f} ms, again {second:4.0f} ms")  # noqa: T201
    said = subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True).stdout
    print(f"{'import of the plugin':<26} {float(said):7.1f} ms")  # noqa: T201


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        outputs = Path(sys.argv[1] if len(sys.argv) > 1 else scratch)
        if not any(outputs.glob("*")):
            fill(outputs)
        report(outputs)
