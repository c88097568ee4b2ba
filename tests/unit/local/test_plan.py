"""What the demonstration has to do, and what of it is done."""

from datetime import UTC, datetime, timedelta

import pytest

from galley.errors import InvalidDay
from galley.local.plan import Plan, Step
from galley.local.runs import DagRun


@pytest.fixture
def plan(settings):
    """Three days up to one in the past."""
    return Plan.of("2013-03-02", 3, settings)


def run_of(step, state="success"):
    return DagRun(step.dag_id, "a run", step.day.ds, state, ())


def leave_files(step):
    for path in step.promised:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_data_comes_first_for_each_day_then_training_then_predictions(plan):
    assert [(step.dag_id, step.day.ds) for step in plan.steps] == [
        ("generate_data", "2013-02-28"),
        ("generate_data", "2013-03-01"),
        ("generate_data", "2013-03-02"),
        ("train_weekly", "2013-03-02"),
        ("predict_daily", "2013-03-02"),
    ]


def test_a_past_day_is_predicted_by_the_champion_of_now_since_none_reigned_then(plan):
    assert [step.conf for step in plan.steps] == [{}, {}, {}, {}, {"model_as_of": "now"}]


def test_a_success_whose_files_are_there_is_done(plan):
    for step in plan.steps:
        leave_files(step)
        assert step.is_done(run_of(step))


def test_a_success_whose_file_is_gone_is_not_done(plan):
    for step in plan.steps:
        leave_files(step)
        gone = step.promised[-1]
        gone.unlink()
        assert not step.is_done(run_of(step))
        assert step.missing == [gone]


@pytest.mark.parametrize("state", ["failed", "running", "queued"])
def test_files_without_a_success_are_not_done(plan, state):
    step = plan.steps[0]
    leave_files(step)
    assert not step.is_done(run_of(step, state))
    assert not step.is_done(None)


def test_today_by_utc_is_the_default(settings):
    before = datetime.now(UTC).date()
    assert before <= Plan.of(None, 7, settings).day.date <= datetime.now(UTC).date()


def test_a_day_in_the_future_is_refused(settings):
    the_day_after_tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    with pytest.raises(InvalidDay, match=f"{the_day_after_tomorrow} is in the future"):
        Plan.of(the_day_after_tomorrow, 7, settings)


def test_no_days_at_all_are_refused(settings):
    with pytest.raises(InvalidDay, match="DAYS is 0"):
        Plan.of("2013-03-02", 0, settings)


def test_every_dag_of_the_plan_has_promises(plan, settings):
    assert all(Step(dag_id, plan.day).promised for dag_id in plan.dag_ids)
