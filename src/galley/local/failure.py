"""A failed run, in words from which someone knows what to do: which task, what it said, where to read on."""

import json
from pathlib import Path
from typing import Any

from galley.days import Day
from galley.local.airflow import airflow_home
from galley.local.runs import DagRun, TaskRun
from galley.settings import Settings


def describe(run: DagRun, settings: Settings) -> str:
    """What failed in a run, the end of its error, its report and its log."""
    if run.did_nothing:
        return (
            f"{run.dag_id} {run.ds} did nothing: Airflow makes no tasks for a day before the DAG's start_date. "
            "Give a later DS, or have the DAG start earlier."
        )
    if not run.failed_tasks:
        return f"{run.dag_id} {run.ds} failed without a failed task. Look at the run in the UI: make up"
    task = run.failed_tasks[0]
    report = report_file(run, task, settings)
    return (
        f"{run.dag_id} {run.ds}: {task.task_id} failed at try {task.try_number}.\n{reason(run, task, settings)}\n"
        f"  report  {report or '(none: it failed before its notebook ran)'}\n"
        f"  log     {log_file(run, task, settings)}\n"
        "Fix that and run the same command again: what succeeded is left alone."
    )


def reason(run: DagRun, task: TaskRun, settings: Settings) -> str:
    """The end of the error that a try of a task ended with, indented."""
    lines = error_lines(log_file(run, task, settings))
    return "\n".join(f"    {line}" for line in lines) or "    (its log says nothing)"


def log_file(run: DagRun, task: TaskRun, settings: Settings) -> Path:
    """Where Airflow logs a try, by its default naming."""
    folder = airflow_home(settings) / "logs" / f"dag_id={run.dag_id}" / f"run_id={run.run_id}"
    return folder / f"task_id={task.task_id}" / f"attempt={task.try_number}.log"


def report_file(run: DagRun, task: TaskRun, settings: Settings) -> Path | None:
    """The rendered notebook of a failed try, if there is one."""
    # By time and not by number: a task that is cleared counts its tries anew, and attempts are counted on.
    began = task.start.timestamp() if task.start else 0.0
    attempts = Day.of(run.ds, settings).reports(run.dag_id) / "attempts"
    found = [page for page in attempts.glob(f"*_{task.task_id}.try*.html") if page.stat().st_mtime >= began]
    return max(found, key=lambda page: page.stat().st_mtime, default=None)


def error_lines(log: Path, count: int = 12) -> list[str]:
    """The last lines of the last error in a task's log, which has one JSON object a line."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    errors = [entry for entry in map(_entry, lines) if entry.get("level") in ("error", "critical")]
    # The exception itself, if one was logged: what is logged after it is about the failing, not about the reason.
    raised = [entry for entry in errors if entry.get("error_detail")]
    said = [line for entry in (raised or errors)[-1:] for line in _text(entry).splitlines() if line.strip()]
    return said[-count:]


def _entry(line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _text(entry: dict[str, Any]) -> str:
    details = entry.get("error_detail") or []
    raised = [f"{detail.get('exc_type')}: {detail.get('exc_value')}" for detail in details]
    return "\n".join(raised) or str(entry.get("event", ""))
