"""The trend, from files as the runs write them."""

import pytest
from shapes import EXAMPLE

from galley.days import Day
from galley.review.trend import weeks
from galley.settings import Settings
from galley.storage import files


@pytest.fixture
def day(tmp_path):
    """Three weeks of models, the second of which was rejected, and one that was trained again after its decision."""
    EXAMPLE.declare(tmp_path)
    settings = Settings.from_environment({"GALLEY_HOME": str(tmp_path)})
    for version, (ds, decision) in enumerate(
        [("2026-11-02", "Approve"), ("2026-11-09", "Reject"), ("2026-11-16", None), ("2026-11-30", None)], start=1
    ):
        of = Day.of(ds, settings)
        files.write_json(of.models / "metrics.json", {"version": str(version), "roc_auc": version / 10})
        if decision:
            files.write_json(
                of.reports(EXAMPLE.train) / "decision.json", {"version": str(version), "decision": decision}
            )
    return Day.of("2026-11-16", settings)


def test_it_has_the_weeks_up_to_the_day_with_what_was_decided(day):
    found = weeks(day, 8)
    assert list(found.index) == ["2026-11-02", "2026-11-09", "2026-11-16"]
    assert list(found["roc_auc"]) == [0.1, 0.2, 0.3]
    assert list(found["decision"]) == ["Approve", "Reject", ""]


def test_it_reaches_back_as_many_weeks_as_it_is_asked(day):
    assert list(weeks(day, 1).index) == ["2026-11-16"]


def test_runs_of_an_hourly_dag_are_each_in_it(day):
    for hour in ("0500", "0600", "0700"):
        files.write_json(Day.of(f"2026-11-16T{hour}", day.settings).models / "metrics.json", {"version": hour})
    files.write_json(day.models.parent / "2026-11-16.kept" / "metrics.json", {"version": "0"})
    hourly = Day.of("2026-11-16T0600", day.settings)
    assert list(weeks(hourly, 1).index) == ["2026-11-16", "2026-11-16T0500", "2026-11-16T0600"]


def test_a_model_trained_again_has_no_decision_yet(day):
    first = day.before(14)
    files.write_json(first.models / "metrics.json", {"version": "9", "roc_auc": 0.5})
    assert weeks(day, 8).loc["2026-11-02", "decision"] == ""


def test_without_any_model_it_is_empty(tmp_path):
    EXAMPLE.declare(tmp_path)
    assert weeks(Day.of("2026-11-16", Settings.from_environment({"GALLEY_HOME": str(tmp_path)})), 8).empty
