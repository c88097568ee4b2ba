"""Edit: a stage's notebook that a person changed, its code as a diff, and its numbers beside those of the schedule."""

import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from nbformat import NotebookNode

from galley.days import Day, is_day
from galley.errors import MissingInput, NotebookError, SettingsError
from galley.handover import AD_HOC, DIFF
from galley.notebooks.parameters import Notebook
from galley.reports import differences
from galley.reports.differences import Row
from galley.reports.listing import listing_of
from galley.reports.report_path import ReportPath
from galley.run.execute import Execution, StageRun, stage_name
from galley.settings import Settings, relative_name
from galley.storage import bucket, files, lock

_INJECTED = "injected-parameters"


@dataclass(frozen=True)
class Edit:
    """A notebook as it is in the project now, and the DAG whose runs of it are compared with."""

    notebook: Notebook
    dag_id: str
    settings: Settings
    map_index: int | None = None
    """Which run of a mapped task; None where the task is not mapped."""

    @classmethod
    def of(cls, path: Path, settings: Settings, dag_id: str = "", map_index: int | None = None) -> "Edit":
        """The notebook at a path, or of a name below the notebooks' folder; `dag_id` left blank is its own folder.

        Raises NotebookError if it is not in the project, or if `map_index` does not say which of the runs of a mapped
        task is meant; SettingsError where there is no nbdime.
        """
        if find_spec("nbdime") is None:
            raise SettingsError(
                f"There is no nbdime in the environment of {sys.executable}. Run the command of the environment with "
                "JupyterLab, as in .venvs/workbench/bin/galley diff, or install it there: pip install nbdime"
            )
        found = (path if path.is_file() else settings.notebooks / path).resolve()
        if not found.is_relative_to(settings.notebooks.resolve()):
            raise NotebookError(
                f"{found} is not below {settings.notebooks}, so no schedule runs it. Give a notebook of the project."
            )
        dag_id = dag_id or found.parent.name
        edit = cls(Notebook.load(found), dag_id, settings.for_model(dag_id=dag_id), map_index)
        if map_index is None and not edit.days() and (indexes := edit._map_indexes()):
            raise NotebookError(
                f"{dag_id}/{edit.name} has the runs of a mapped task. Say with --map-index which is meant: one of "
                f"{', '.join(map(str, indexes))}."
            )
        return edit

    @property
    def name(self) -> str:
        """What the runs of it are called, as in 03_fit, or 03_fit.m0 of a mapped task."""
        return stage_name(self.notebook.path, self.map_index)

    def days(self) -> list[str]:
        """The days that have an accepted run of it, ascending."""
        return [ds for ds in _days(self.settings) if self._run(ds).of_kind("ipynb").exists(self.settings.outputs)]

    def scheduled(self, ds: str) -> NotebookNode | None:
        """The accepted run of a day, None if there is none. Raises NotebookError if it cannot be read."""
        try:
            return self._run(ds).notebook(self.settings.outputs)
        except ValueError as error:
            raise NotebookError(f"{self._run(ds).of_kind('ipynb').path}: {error}. Run the stage again.") from None

    def missing(self, ds: str) -> MissingInput:
        """The error of a day without a run to compare with, or of no such day, where `ds` is blank."""
        days = self.days()
        if days:
            return MissingInput(
                f"{self.dag_id}/{self.name} has no completed run of {ds}. Give one of {', '.join(days)}, or have the "
                "schedule run that day."
            )
        outputs = self.settings.outputs
        dags = sorted({name for ds in _days(self.settings) for name in files.listed(outputs / ds)})
        if self.dag_id in dags:
            return MissingInput(f"{self.dag_id}/{self.name} has no completed run. Have the schedule run it first.")
        return MissingInput(
            f"No DAG {self.dag_id} has run. Have the schedule run it first, or give with --dag-id the DAG that runs "
            f"{self.name}: {', '.join(dags) or 'none has run yet'}."
        )

    def _map_indexes(self) -> list[int]:
        """The map indexes that have an accepted run on any day, ascending."""
        listing, outputs = listing_of(self.settings.outputs), self.settings.outputs
        names = (name for ds in _days(self.settings) for name in listing.files(outputs / ds / self.dag_id))
        matches = (re.fullmatch(re.escape(self.name) + r"\.m(\d+)\.ipynb", name) for name in names)
        return sorted({int(match[1]) for match in matches if match})

    def committed(self) -> NotebookNode:
        """The notebook of the last commit. Raises NotebookError if git has none."""
        path = self.notebook.path
        try:
            command = ["git", "-C", str(path.parent), "show", f"HEAD:./{path.name}"]
            done = subprocess.run(command, capture_output=True, check=True, timeout=10)
            return files.parse_notebook(done.stdout)
        except (OSError, ValueError, subprocess.SubprocessError):
            raise NotebookError(
                f"{path} has no completed run, and git has no commit with it, so there is nothing to compare it with. "
                "Have the schedule run it, or commit it first."
            ) from None

    def code(self, before: NotebookNode, name: str, color: bool = False) -> str:
        """What changed in code and text since `before`, which `name` calls, as nbdime shows it; empty if nothing."""
        from nbdime import diff_notebooks
        from nbdime.prettyprint import PrettyPrintConfig, pretty_print_diff

        one, other = _bare(before), _bare(self.notebook.node)
        said = io.StringIO()
        shown = SimpleNamespace(outputs=False, attachments=False, metadata=False, id=False, details=False)
        config = PrettyPrintConfig(out=said, include=shown, use_git=False, use_diff=False, use_color=color)
        pretty_print_diff(one, diff_notebooks(one, other), "", config)
        own = relative_name(self.notebook.path, self.settings)
        return f"--- {name}\n+++ {own}\n{said.getvalue().rstrip()}" if said.getvalue() else ""

    def rerun(self, scheduled: NotebookNode, ds: str) -> tuple[NotebookNode, Path]:
        """Run it for a day with what the schedule gave; returns the executed notebook and its page.

        It runs as in JupyterLab: what it writes goes below .scratch, where it finds what the schedule made through
        links, and no version is registered. Raises SettingsError where data or outputs are in a bucket.
        """
        if files.is_remote(self.settings.data) or files.is_remote(self.settings.outputs):
            raise SettingsError(
                "Data or outputs are in a bucket, where a run could overwrite the schedule's. Copy the day to this "
                "machine, and set GALLEY_DATA and GALLEY_OUTPUTS to the copies."
            )
        folder = self.settings.home / ".scratch" / "diff" / ds / self.dag_id / self.name
        with lock.locked(folder):
            shutil.rmtree(folder, ignore_errors=True)
            own = self._in(folder)
            outcome = Execution(self._asked(scheduled, ds, own, folder / "report"), own).run()
            return files.parse_notebook(outcome.notebook.read_bytes()), outcome.page

    def _in(self, folder: Path) -> Settings:
        """The settings with data and outputs of links to what the schedule made."""
        from galley.notebooks.scratch import mirror

        own = replace(self.settings, data=folder / "data", outputs=folder / "outputs")
        mirror(self.settings.data, own.data)
        mirror(self.settings.outputs, own.outputs)
        return own

    def _asked(self, scheduled: NotebookNode, ds: str, own: Settings, reports: Path) -> StageRun:
        return StageRun(
            notebook=self.notebook.path,
            # Not the defaults of that run: one that was edited is to have its effect.
            parameters=dict(scheduled.metadata.get("papermill", {}).get("parameters", {})),
            reports=reports,
            name=self.name,
            title=f"{self.dag_id} · {self.name} · {ds}, edited",
            kernel=_galley(scheduled).get("kernel", {}).get("name"),
            run={"dag_id": self.dag_id, "ds": ds, "user": os.environ.get("USER", "unknown")},
            environment={
                AD_HOC: DIFF,
                "GALLEY_DATA": str(own.data),
                "GALLEY_OUTPUTS": str(own.outputs),
                "MLFLOW_TRACKING_URI": own.tracking_uri,
            },
        )

    def _run(self, ds: str) -> ReportPath:
        return ReportPath(ds, self.dag_id, files.safe_name(self.name))


def latest(edit: Edit, ds: str | None) -> str:
    """The day that is meant: the given one, else the latest with a run; blank if there is none. Raises InvalidDay."""
    return Day.of(ds, edit.settings).ds if ds else next(reversed(edit.days()), "")


def numbers(scheduled: NotebookNode, edited: NotebookNode) -> str:
    """What both concluded, side by side, what differs marked; above it the parameters that differ."""
    asked = differences.parameters(scheduled, edited)
    concluded = differences.conclusions(scheduled, edited)
    changed = differences.changed([*asked, *concluded], scheduled, edited)
    rows = [*(row for row in asked if row in changed), *concluded]
    table = [("", "", "scheduled", "edited", "difference"), *(_cells(row, row in changed) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ("  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table)
    return "\n".join([*lines, *_other_inputs(scheduled, edited)])


def _cells(row: Row, is_changed: bool) -> tuple[str, ...]:
    mark = "*" if is_changed else ""
    return mark, row.name, row.left or "-", row.right or "-", row.difference if is_changed else ""


def _other_inputs(scheduled: NotebookNode, edited: NotebookNode) -> Iterator[str]:
    """The files that both read, and that were written again in between."""
    one, other = (
        {fact["path"]: fact["sha256"] for fact in _galley(node).get("inputs", [])} for node in (scheduled, edited)
    )
    for path in [path for path in other if one.get(path, other[path]) != other[path]]:
        yield f"{path} was written again since the scheduled run read it: numbers may differ by that too."


def _days(settings: Settings) -> list[str]:
    outputs = settings.outputs
    return sorted(filter(is_day, bucket.folders(outputs) if files.is_remote(outputs) else files.listed(outputs)))


def _bare(node: NotebookNode) -> dict[str, Any]:
    """The code and text of a notebook, without what a run adds to it."""
    written = [cell for cell in node.cells if _INJECTED not in cell.metadata.get("tags", [])]
    cells = [{"cell_type": cell.cell_type, "metadata": {}, "source": cell.source} for cell in written]
    return {"cells": [{**cell, **({"outputs": []} if cell["cell_type"] == "code" else {})} for cell in cells]}


def _galley(node: NotebookNode) -> dict[str, Any]:
    record: dict[str, Any] = node.metadata.get("galley", {})
    return record
