"""Parking: whether a task that waits for a person may be answered by a program, which is faster than the scheduler."""

from galley.local.airflow import airflow_home
from galley.local.runs import DagRun, TaskRun
from galley.settings import Settings

TIMEOUT = 30.0
"""Seconds after which the answer is given anyway: the log may have been moved, or say it in other words one day."""


def may_be_answered(run: DagRun, task: TaskRun, settings: Settings) -> bool:
    """Whether it waits for an answer, and the scheduler has seen the process end that asked.

    An answer before that is lost: the scheduler takes the end of the asking process for the end of the answered one,
    and fails it (https://github.com/apache/airflow/issues/72716). Its log is the only place that tells.
    """
    return task.state == "awaiting_input" and (_end_was_seen(run, task, settings) or (task.seconds or 0.0) > TIMEOUT)


def _end_was_seen(run: DagRun, task: TaskRun, settings: Settings) -> bool:
    log = airflow_home(settings) / "logs" / "services" / "scheduler.log"
    said = (
        "Received executor event with state success for task instance "
        f"TaskInstanceKey(dag_id={run.dag_id!r}, task_id={task.task_id!r}, run_id={run.run_id!r}, "
        f"try_number={task.try_number}, map_index=-1)"
    )
    return log.exists() and said in log.read_text(errors="replace")
