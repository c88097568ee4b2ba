"""Stages: each notebook of a week as a stage, forked and cold, as stock papermill runs it, and as a plain script.

Usage: .venvs/airflow/bin/python benchmarks/stages.py [ROUNDS [STAGE...]]; writes a table and the seconds behind it.
With stages named, the others run once and keep the seconds they had.

Every run starts from the same files. The four ways take turns, so that whatever else the machine does meets all.
The script has the lines of the notebook's code cells, and is a new process of the kernel's own interpreter. The others
run in a process that has their imports done, as a task of Airflow is forked from one.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpecManager

from galley import files
from galley.days import Day
from galley.execute import Execution, StageRun
from galley.settings import Settings

HOME = Path(__file__).parents[1]
DS = "2026-11-23"
ANSWER = {
    "decision": "Approve",
    "reviewer": "benchmark",
    "reason": "It is a benchmark.",
    "answered_at": f"{DS}T12:00:00+00:00",
    "dag_run": "benchmark",
}
STAGES: dict[str, dict[str, Any]] = {
    "generate_data/01_generate": {},
    "train_weekly/01_prepare": {},
    "train_weekly/02_split": {},
    "train_weekly/03_train": {},
    "train_weekly/04_validate": {},
    "train_weekly/05_review": {},
    "train_weekly/06_record": ANSWER,
    "train_weekly/07_promote": {},
    "predict_daily/01_predict": {},
}


def as_stage(path: Path, parameters: dict[str, Any], warm: str) -> None:
    """As galley runs it: parameters checked, every cell kept, rendered and published."""
    os.environ["GALLEY_WARM_KERNELS"] = warm
    reports = Day.of(DS).reports(path.parent.name)
    Execution(StageRun(path, parameters, reports, path.stem, path.stem)).run()


def as_stock(path: Path, parameters: dict[str, Any]) -> None:
    """As PapermillOperator calls it; a notebook is what comes out, and no page."""
    os.environ["GALLEY_WARM_KERNELS"] = "off"
    target = Settings.from_environment().outputs / "stock.ipynb"
    papermill.execute_notebook(path, target, parameters, progress_bar=False, report_mode=True, cwd=path.parent)


def as_script(path: Path, parameters: dict[str, Any]) -> None:
    """As a file of the same lines; its figures are made and shown to nobody."""
    node = nbformat.read(path, as_version=4)
    spec = KernelSpecManager().get_kernel_spec(node.metadata.kernelspec.name)
    lines = []
    for cell in node.cells:
        if cell.cell_type == "code":
            lines.append(re.sub(r"^%.*$", "", cell.source, flags=re.MULTILINE))
        if "parameters" in cell.metadata.get("tags", []):
            lines.extend(f"{name} = {value!r}" for name, value in parameters.items())
    script = Settings.from_environment().outputs / f"{path.stem}.py"
    script.write_text("\n".join(lines))
    environment = {**os.environ, **spec.env, "MPLBACKEND": "agg"}
    subprocess.run([spec.argv[0], str(script)], cwd=path.parent, env=environment, capture_output=True, check=True)


WAYS: dict[str, Callable[[Path, dict[str, Any]], None]] = {
    "script": as_script,
    "forked": lambda path, parameters: as_stage(path, parameters, "on"),
    "cold": lambda path, parameters: as_stage(path, parameters, "off"),
    "stock": as_stock,
}


Seconds = dict[str, dict[str, float]]
"""Median, least and most, by way."""


def measure(rounds: int, wanted: list[str]) -> dict[str, Seconds]:
    """Seconds of the stages that are wanted."""
    taken: dict[str, Seconds] = {}
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder:
        project = Path(folder) / "project"
        os.environ.update(GALLEY_HOME=str(HOME), GALLEY_DATA=f"{project}/data", GALLEY_OUTPUTS=f"{project}/outputs")
        (project / "outputs").mkdir(parents=True)
        for stage, given in STAGES.items():
            path, parameters = HOME / "notebooks" / f"{stage}.ipynb", {"ds": DS, **given}
            if stage in wanted:
                taken[stage] = compare(path, parameters, project, rounds)
                print(row(stage, taken[stage]), flush=True)  # noqa: T201
            WAYS["forked"](path, parameters)  # the next stage goes on from here
    return taken


def compare(path: Path, parameters: dict[str, Any], project: Path, rounds: int) -> Seconds:
    """Seconds of one stage. What it changes is undone; the ways begin by turns."""
    before = project.with_name("before")
    shutil.copytree(project, before)
    runs: dict[str, list[float]] = {way: [] for way in WAYS}
    for turn in range(rounds + 1):
        first = turn % len(WAYS)
        for way in [*list(WAYS)[first:], *list(WAYS)[:first]]:
            shutil.rmtree(project)
            shutil.copytree(before, project)
            began = time.perf_counter()
            WAYS[way](path, parameters)
            if turn:  # the first starts servers and fills the file system's cache
                runs[way].append(time.perf_counter() - began)
    shutil.rmtree(project)
    before.rename(project)
    summed_up = {"median": statistics.median, "min": min, "max": max}
    return {way: {name: round(of(taken), 2) for name, of in summed_up.items()} for way, taken in runs.items()}


HEAD = """\
| stage | script, s | forked | cold | stock papermill | forked : script | cold : script |
|---|---|---|---|---|---|---|"""


def row(stage: str, seconds: Seconds) -> str:
    """Medians and their spread, and the ratios of the medians."""
    told = [f"{of['median']:.2f} ({of['min']:.2f}-{of['max']:.2f})" for of in (seconds[way] for way in WAYS)]
    script = seconds["script"]["median"]
    ratios = [f"**{seconds['forked']['median'] / script:.2f}**", f"{seconds['cold']['median'] / script:.2f}"]
    return "| " + " | ".join([stage, *told, *ratios]) + " |"


def main() -> None:
    """Measure, and keep the table in docs/benchmarks.md and the seconds beside this file."""
    rounds, *wanted = sys.argv[1:] or ["5"]
    kept = Path(__file__).with_suffix(".json")
    known = files.read_json(kept) if kept.is_file() else {}
    known |= measure(int(rounds), wanted or list(STAGES))
    files.write_json(kept, known)
    table = "\n".join([HEAD, *(row(stage, known[stage]) for stage in STAGES if stage in known)])
    page = HOME / "docs" / "benchmarks.md"
    marks = re.compile(r"(<!-- stages -->\n).*?(\n<!-- end -->)", re.DOTALL)
    page.write_text(marks.sub(lambda match: match[1] + "\n" + table + "\n" + match[2], page.read_text()))


if __name__ == "__main__":
    main()
