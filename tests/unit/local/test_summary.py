"""The closing words of a run."""

from datetime import UTC, datetime, timedelta

import pytest

from galley.local import summary
from galley.local.plan import Plan
from galley.local.runs import DagRun, TaskRun
from galley.storage import files

START = datetime(2026, 11, 23, 12, tzinfo=UTC)


def run_of(step, *names):
    tasks = [
        TaskRun(name, "success", 1, START + timedelta(minutes=n), START + timedelta(minutes=n, seconds=2))
        for n, name in enumerate(names)
    ]
    return DagRun(step.dag_id, "r", step.day.ds, "success", tuple(reversed(tasks)))


@pytest.fixture
def text(settings):
    """The summary of two days, a training of two stages and a prediction."""
    plan = Plan.of("2013-03-02", 2, settings)
    stages = {"generate_data": ["generate"], "train_weekly": ["prepare", "validate"], "predict_daily": ["predict"]}
    conclusions = {"validate": {"version": "3", "roc_auc": 0.71234, "model_digest": "abc"}, "review": {"version": "3"}}
    files.write_json(plan.day.reports("train_weekly") / "metrics.json", conclusions)
    return summary.of(plan, [run_of(step, *stages[step.dag_id]) for step in plan.steps])


def test_stages_are_listed_as_they_ran_and_days_are_taken_together(text):
    rows = [line.split() for line in text.splitlines()[1:6]]
    assert rows == [
        ["DAG", "day", "stage", "state", "seconds"],
        ["generate_data", "2013-03-01", "to", "2013-03-02", "generate", "success", "4.0"],
        ["train_weekly", "2013-03-02", "prepare", "success", "2.0"],
        ["train_weekly", "2013-03-02", "validate", "success", "2.0"],
        ["predict_daily", "2013-03-02", "predict", "success", "2.0"],
    ]


def test_the_model_is_told_by_its_version_and_the_numbers_of_its_validation(text):
    assert "model        flights-late version 3\nmetrics      roc_auc 0.7123\n" in text


def test_it_ends_with_the_next_command(text):
    assert text.endswith("make up")


def test_columns_of_a_table_line_up():
    assert summary.table([("a", "bb", "1"), ("ccc", "d", "22")]).splitlines() == ["a    bb   1", "ccc  d   22"]
