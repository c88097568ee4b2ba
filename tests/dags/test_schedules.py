"""The day of a run follows from its DAG's schedule: with the time where there are several runs a day."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk import DAG, BaseOperator
from airflow.sdk.execution_time import macros
from airflow.timetables.trigger import CronTriggerTimetable, MultipleCronTriggerTimetable
from moved import integrate_macros_plugins

from galley.airflow import DS

SIX = datetime(2026, 11, 23, 6, tzinfo=UTC)


def day_of(schedule, logical_date=SIX, run_after=SIX, dag_id="any"):
    """What a template with DS renders to in a task of a DAG with this schedule."""
    with DAG(dag_id=dag_id, schedule=schedule, start_date=datetime(2013, 1, 1, tzinfo=UTC), max_active_runs=1) as dag:
        task = BaseOperator(task_id="any")
    integrate_macros_plugins()
    run = SimpleNamespace(logical_date=logical_date, run_after=run_after)
    return task.render_template(f"raw/{DS}", {"dag": dag, "dag_run": run, "macros": macros}).removeprefix("raw/")


@pytest.mark.parametrize(
    "schedule",
    [None, "@once", "@daily", "@midnight", "0 6 * * MON", "30 23 1 * *", "0 6 * * * 30", timedelta(days=1),
     CronTriggerTimetable("0 6 * * *", timezone="UTC")],
)  # fmt: skip
def test_where_there_is_one_run_a_day_the_day_is_its_date(schedule):
    assert day_of(schedule) == "2026-11-23"


@pytest.mark.parametrize(
    "schedule",
    ["@hourly", "@continuous", "0 6,18 * * *", "*/30 6 * * MON", "0 0-6 * * *", "0 6 * * * */30", timedelta(hours=12),
     CronTriggerTimetable("@hourly", timezone="UTC"), MultipleCronTriggerTimetable("@hourly", timezone="UTC"),
     MultipleCronTriggerTimetable("0 6 * * *", "0 18 * * *", timezone="UTC")],
)  # fmt: skip
def test_where_there_are_several_the_day_has_the_time_too(schedule):
    assert day_of(schedule) == "2026-11-23T0600"


def test_a_run_that_somebody_asked_for_has_its_seconds():
    assert day_of("@hourly", SIX.replace(minute=1, second=7, microsecond=9)) == "2026-11-23T060107"


def test_a_run_without_a_logical_date_has_the_day_after_which_it_runs():
    assert day_of("@daily", logical_date=None) == "2026-11-23"


@pytest.mark.parametrize("moment", [{}, {"logical_date": None}])
def test_each_run_that_no_schedule_makes_and_that_makes_no_day_has_its_own(moment):
    assert day_of(None, dag_id="rollback_model", **moment) == "2026-11-23T0600"


@pytest.mark.parametrize("dag_id", ["generate_data", "train_weekly", "predict_daily", "verify_daily"])
def test_what_makes_a_day_makes_that_day_also_without_a_schedule(dag_id):
    assert day_of(None, dag_id=dag_id) == "2026-11-23"


def test_another_dag_of_a_model_with_one_run_a_day_has_its_date():
    assert day_of("@daily", dag_id="rollback_model") == "2026-11-23"
