"""History: what Airflow's database says about runs, read without starting Airflow.

Only to know quickly that nothing is left to do. These tables are Airflow's own affair, so whatever looks different
from what is expected counts as not known, and then Airflow itself is started and asked.
"""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from galley.local.runs import DagRun, TaskRun


def run(database: Path, dag_id: str, ds: str) -> DagRun | None:
    """The run of a DAG for a day, or None if nothing is known of one."""
    if not database.exists():
        return None
    try:
        # Not mode=ro: after an unclean end, reading has to roll the write-ahead log forward first.
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=rw", uri=True, timeout=5)) as connection:
            return _run(connection, dag_id, ds)
    except (sqlite3.Error, ValueError, TypeError):
        return None


def _run(connection: sqlite3.Connection, dag_id: str, ds: str) -> DagRun | None:
    found = connection.execute(
        "SELECT run_id, state FROM dag_run WHERE dag_id = ? AND logical_date LIKE ?", (dag_id, f"{ds} 00:00:00%")
    ).fetchone()
    if found is None:
        return None
    run_id, state = found
    rows = connection.execute(
        "SELECT task_id, state, try_number, start_date, end_date FROM task_instance WHERE dag_id = ? AND run_id = ?",
        (dag_id, run_id),
    )
    tasks = tuple(TaskRun(name, state, tries, _time(start), _time(end)) for name, state, tries, start, end in rows)
    return DagRun(dag_id, run_id, ds, state, tasks)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)
