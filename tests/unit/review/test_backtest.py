"""Live performance, against one made by hand."""

import pandas as pd
import pytest
from sklearn import metrics

from galley.days import Day
from galley.problems import Binary
from galley.review.backtest import in_a_line, live_day, numbers, table, together
from galley.settings import Settings
from galley.storage import files

PREDICTED = {"2026-11-20": [0.9, 0.8, 0.3, 0.1], "2026-11-21": [0.6, 0.2, 0.7, 0.4], "2026-11-22": [0.5, 0.5, 0.5, 0.5]}
CAME = {"2026-11-19": [1, 0, 1, 0], "2026-11-20": [1, 0, 1, 0], "2026-11-21": [1, 0, 1]}


@pytest.fixture
def settings(tmp_path):
    return Settings.from_environment({"GALLEY_HOME": str(tmp_path)})


@pytest.fixture
def week(settings):
    """Four days: one without predictions, one whole, one with a target too few, one whose targets have not come."""
    for ds, probabilities in PREDICTED.items():
        day = Day.of(ds, settings)
        frame = pd.DataFrame({"id": [f"{ds} {row}" for row in range(4)], "probability": probabilities})
        files.write_bytes(day.predictions / "predictions.csv", frame.assign(prediction=0).to_csv(index=False).encode())
        files.write_json(day.predictions / "predictions.json", {"model_version": "1" if ds < "2026-11-21" else "2"})
    for ds, targets in CAME.items():
        frame = pd.DataFrame({"id": [f"{ds} {row}" for row in range(len(targets))], "late": targets})[::-1]
        files.write_bytes(Day.of(ds, settings).raw / "target.csv", frame.to_csv(index=False).encode())
    return live(settings)


def live(settings, trained_on=lambda _: []):
    read = []
    days = [Day.of("2026-11-23", settings).before(days) for days in (4, 3, 2, 1)]
    return [live_day(day, lambda path: read.append(path) or path, "id", "late", trained_on) for day in days]


def test_each_day_says_which_version_predicted_it_and_what_it_lacks(week):
    assert [(day.version, day.note) for day in week] == [
        ("", "no predictions"),
        ("1", ""),
        ("2", "1 without target"),
        ("2", "no targets yet"),
    ]


def test_predictions_meet_the_target_of_the_same_row(week):
    assert list(week[1].rows["target"]) == [1, 0, 1, 0]
    assert list(week[2].rows["target"]) == [1, 0, 1]


def test_a_days_numbers_are_those_of_its_rows(week):
    found = table(Binary(), week).loc["2026-11-20"]
    assert found["roc_auc"] == 0.75  # of the four pairs, only (0.3, 0.8) is the wrong way round
    assert found["log_loss"] == pytest.approx(metrics.log_loss(CAME["2026-11-20"], PREDICTED["2026-11-20"]))
    assert found["brier"] == pytest.approx((0.01 + 0.64 + 0.49 + 0.01) / 4)
    assert (found["predicted"], found["actual"]) == (pytest.approx(2.1 / 4), 0.5)


def test_the_week_together_is_the_rows_of_the_days_that_have_both(week):
    found = table(Binary(), week).loc["together"]
    expected = metrics.roc_auc_score([1, 0, 1, 0, 1, 0, 1], [0.9, 0.8, 0.3, 0.1, 0.6, 0.2, 0.7])
    assert (found["rows"], found["roc_auc"]) == (7, pytest.approx(expected))
    assert (found["version"], found["note"]) == ("1, 2", "2 of 4 days")


def test_a_day_that_the_version_was_trained_on_is_shown_and_does_not_count(week, settings):
    again = live(settings, {"1": ["2026-11-20"], "2": []}.__getitem__)
    assert again[1].note == "version 1 was trained on this day"
    assert len(again[1].rows) == 4
    assert len(together(again)) == 3


def test_the_week_in_a_line_has_validation_scores_and_what_is_missing(week):
    said = in_a_line(Binary(), week, {"1": 0.9})
    assert "on 7 rows of 2 days (version 1 validation 0.900)" in said
    assert "Not counted: 2026-11-19 (no predictions), 2026-11-22 (no targets yet)." in said


def test_a_week_without_predictions_says_so(settings):
    assert in_a_line(Binary(), live(settings), {}) == "Live performance: nothing to judge by (no predictions)."
    assert table(Binary(), live(settings)).loc["together", "rows"] == 0


def test_a_day_of_one_class_has_no_ranking_to_judge():
    found = numbers(Binary(), pd.DataFrame({"target": [0, 0], "probability": [0.2, 0.4]}))
    assert pd.isna(found["roc_auc"])
    assert (found["predicted"], found["actual"]) == (pytest.approx(0.3), 0)
