"""Empty runs: a run of a DAG with stages that has nothing to run fails and says why; Airflow calls it a success.

Airflow makes no task for a day before the DAG's start_date, and starts none of a day that has not come. The scheduler
calls this listener; the note is where its user interface says it.
"""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow.listeners import hookimpl

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun

_TOO_EARLY = "Nothing was done: the day is before the DAG's start_date. Run a later day, or have the DAG start earlier."
_NOT_YET = "Nothing was done: the day has not come. Delete this run, and run the day that you meant."


@hookimpl
def on_dag_run_running(dag_run: "DagRun") -> None:
    """Fail a run whose day is to come, which would say that it runs until then."""
    if dag_run.logical_date and dag_run.logical_date > datetime.now(UTC):
        _fail(dag_run, _NOT_YET)


@hookimpl
def on_dag_run_success(dag_run: "DagRun") -> None:
    """Fail a run that has ended without a task."""
    from sqlalchemy.orm import object_session

    # One of `airflow dags test` has lost its session to the tasks that ran in the same process.
    if object_session(dag_run) is not None and not dag_run.task_instances:
        _fail(dag_run, _TOO_EARLY)


def _fail(dag_run: "DagRun", why: str) -> None:
    from airflow.utils.state import DagRunState

    if any(task.operator_name == "NotebookOperator" for task in dag_run.get_dag().tasks):
        dag_run.set_state(DagRunState.FAILED)
        dag_run.note = why
