"""When a program may answer a review."""

from datetime import UTC, datetime, timedelta

import pytest

from galley.local import parking
from galley.local.airflow import airflow_home
from galley.local.runs import DagRun, TaskRun

ENDED = (
    "2026-11-23T15:36:54.907982Z [info     ] Received executor event with state success for task instance "
    "TaskInstanceKey(dag_id='train_weekly', task_id='approval', run_id='a_run', try_number=2, map_index=-1) "
    "[airflow.jobs.scheduler_job_runner.SchedulerJobRunner] loc=scheduler_job_runner.py:1347\n"
)


@pytest.fixture
def may_be_answered(settings):
    """Asks about the second try of an approval, in a state, parked for some seconds, with a scheduler's log."""
    log = airflow_home(settings) / "logs" / "services" / "scheduler.log"
    log.parent.mkdir(parents=True)

    def ask(said, state="awaiting_input", seconds=1.0):
        log.write_text(said)
        task = TaskRun("approval", state, 2, datetime.now(UTC) - timedelta(seconds=seconds), None)
        run = DagRun("train_weekly", "a_run", "2026-11-23", "running", (task,))
        return parking.may_be_answered(run, task, settings)

    return ask


def test_it_waits_until_the_scheduler_has_seen_the_asking_process_end(may_be_answered):
    assert not may_be_answered("nothing yet\n")
    assert may_be_answered(ENDED)


def test_the_end_of_another_try_says_nothing(may_be_answered):
    assert not may_be_answered(ENDED.replace("try_number=2", "try_number=1"))


def test_it_does_not_wait_for_ever(may_be_answered):
    assert may_be_answered("said in other words\n", seconds=parking.TIMEOUT + 1)


@pytest.mark.parametrize("state", ["running", "success", "up_for_retry"])
def test_only_a_task_that_waits_is_answered(may_be_answered, state):
    assert not may_be_answered(ENDED, state=state, seconds=parking.TIMEOUT + 1)
