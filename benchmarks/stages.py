"""Stages: each notebook of a week as a stage, forked and cold, as stock papermill runs it, and as a plain script.

Usage: .venvs/bench/bin/python benchmarks/stages.py [ROUNDS [STAGE...]]; writes a table and the seconds behind it.
Without names the few stages of `make bench` are measured; `all` measures all. The others run once, since the next one
goes on from what they leave, and keep the figures they had.

Every run starts from the same files. The four ways take turns, so that whatever else the machine does meets all.
The script has the lines of the notebook's code cells, and is a new process of the kernel's own interpreter. The others
run in a process that has their imports done, as a task of Airflow is forked from one.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import papermill
from deciding import answer
from jupyter_client.kernelspec import KernelSpecManager
from measuring import HOME, in_turns, keep, ratios, rounds_of, script_of, seconds, shown, summed_up, table

from galley.days import Day
from galley.notebooks.render import prepare
from galley.run.execute import Execution, StageRun
from galley.settings import Settings
from galley.storage import files

DS = "2026-11-23"
RECORD = "train_weekly/06_record"
STAGES: dict[str, dict[str, Any]] = {
    "generate_data/01_generate": {},
    "train_weekly/01_prepare": {},
    "train_weekly/02_split": {},
    "train_weekly/03_train": {},
    "train_weekly/04_validate": {},
    "train_weekly/05_review": {},
    RECORD: {},
    "train_weekly/07_promote": {},
    "predict_daily/01_predict": {"model_as_of": "now"},  # it is promoted in the benchmark, after the day
}
FEW = ["train_weekly/01_prepare"]
"""What `make bench` has the time for."""


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
    spec = KernelSpecManager().get_kernel_spec(nbformat.read(path, as_version=4).metadata.kernelspec.name)
    script = script_of(path, parameters, Settings.from_environment().outputs / f"{path.stem}.py")
    environment = {**os.environ, **spec.env}
    subprocess.run([spec.argv[0], script], cwd=path.parent, env=environment, capture_output=True, check=True)


WAYS: dict[str, Callable[[Path, dict[str, Any]], None]] = {
    "script": as_script,
    "forked": lambda path, parameters: as_stage(path, parameters, "on"),
    "cold": lambda path, parameters: as_stage(path, parameters, "off"),
    "stock papermill": as_stock,
}


@contextmanager
def a_project() -> Iterator[Path]:
    """A project in a temporary folder, its registry and the servers of warm kernels there."""
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as folder:
        project = Path(folder).resolve() / "project"
        os.environ.update(GALLEY_HOME=str(HOME), GALLEY_DATA=f"{project}/data", GALLEY_OUTPUTS=f"{project}/outputs")
        os.environ["GALLEY_KEYS"] = f"{project}/keys"
        os.environ.setdefault("JUPYTER_PATH", str(HOME / ".venvs" / "jupyter"))
        (project / "outputs").mkdir(parents=True)
        yield project


def measure(
    rounds: int, wanted: list[str], ways: Collection[str] = tuple(WAYS)
) -> Iterator[tuple[str, dict[str, list[float]]]]:
    """Seconds by way of the stages that are wanted, one after the other."""
    prepare()
    with a_project() as project:
        for stage, given in [*STAGES.items()][: 1 + max(map([*STAGES].index, wanted))]:
            path, parameters = HOME / "notebooks" / f"{stage}.ipynb", {"ds": DS, **given}
            if stage == RECORD:
                answer(Day.of(DS))
            if stage in wanted:
                yield stage, compare(path, parameters, project, rounds, ways)
            WAYS["forked"](path, parameters)  # the next stage goes on from here


def compare(
    path: Path, parameters: dict[str, Any], project: Path, rounds: int, ways: Collection[str]
) -> dict[str, list[float]]:
    """Seconds of one stage by way. What it changes is undone."""
    before = project.with_name("before")
    shutil.copytree(project, before)

    def timed(way: str) -> float:
        shutil.rmtree(project)
        shutil.copytree(before, project)
        return seconds(lambda: WAYS[way](path, parameters))

    timed("forked")  # it starts the server of warm kernels
    taken = in_turns({way: lambda way=way: timed(way) for way in ways}, rounds, unkept=0)
    shutil.rmtree(project)
    before.rename(project)
    return taken


def row(stage: str, taken: dict[str, list[float]]) -> list[str]:
    """Medians and their spread, and the ratios to the script."""
    told = [f"**{shown(ratios(taken, 'forked', 'script'))}**", shown(ratios(taken, "cold", "script"))]
    return [stage, *(shown(summed_up(taken[way])) for way in WAYS), *told]


def main() -> None:
    """Measure, and keep the table in docs/benchmarks.md and the seconds beside this file."""
    wanted = sys.argv[2:] or FEW
    kept = Path(__file__).with_suffix(".json")
    known = files.read_json(kept) if kept.is_file() else {}
    for stage, taken in measure(rounds_of(sys.argv[1:]), list(STAGES) if wanted == ["all"] else wanted):
        known[stage] = taken
        print(row(stage, taken), flush=True)  # noqa: T201
    rows = [row(stage, known[stage]) for stage in STAGES if stage in known]
    keep(__file__, known, table(["seconds", *WAYS, "forked : script", "cold : script"], rows))


if __name__ == "__main__":
    main()
