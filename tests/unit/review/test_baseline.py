"""The checks that a careless approval would miss, on models that deserve none."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from galley.problems import Binary, Multiclass, Regression
from galley.review.backtest import LiveDay
from galley.review.baseline import baseline_checks, chance_checks, level_check, overfit_check
from galley.review.bootstrap import interval
from galley.review.checks import verdict

TARGET = np.tile([0, 0, 0, 1], 100)
RANDOM = np.random.default_rng(0)
GUESSED = RANDOM.uniform(size=len(TARGET))
RANKED = (0.5 * TARGET + GUESSED) / 1.5


def day(ds, probability, counts=True):
    rows = pd.DataFrame({"target": TARGET, "probability": probability})
    return LiveDay(ds, "1", rows, len(rows), counts=counts)


def passed(checks):
    return [check.passed for check in checks]


def test_probabilities_that_say_more_than_the_base_rate_pass():
    assert passed(baseline_checks(Binary(), TARGET, 0.2 + 0.2 * TARGET)) == [True, True]


@pytest.mark.parametrize(
    "probability",
    [
        np.full(len(TARGET), 0.25),  # the base rate itself
        np.where(RANKED > 0.4, 0.999, 0.001),  # mostly in the right order, and far too sure of itself
        np.where(TARGET == 1, 0.24, 0.26),
    ],
)
def test_probabilities_that_say_no_more_than_the_base_rate_fail_and_are_not_approved(probability):
    checks = baseline_checks(Binary(), TARGET, probability)
    assert passed(checks) == [False, False]
    assert verdict(checks) == "against"


def test_a_model_that_knows_its_training_rows_by_heart_is_not_approved():
    assert overfit_check(Binary(), 0.72, 0.70, 0.1).passed
    assert verdict([overfit_check(Binary(), 1.0, 0.63, 0.1)]) == "against"
    assert verdict([overfit_check(Binary(), float("nan"), 0.63, 0.1)]) == "against"


def test_a_backtest_has_to_be_above_chance_by_its_interval():
    assert verdict(chance_checks(Binary(), [day("2026-11-20", RANKED)], [])) == "approve"
    assert verdict(chance_checks(Binary(), [day("2026-11-20", GUESSED)], [])) == "against"


def test_a_backtest_on_days_that_the_model_was_trained_on_alone_is_none():
    (check,) = chance_checks(Binary(), [day("2026-11-20", RANKED, counts=False)], [])
    assert (check.passed, check.required) == (False, True)


def test_a_champion_at_chance_keeps_the_verdict_from_approve_and_is_no_reason_to_keep_it():
    good = [day("2026-11-20", RANKED)]
    assert verdict(chance_checks(Binary(), good, good)) == "approve"
    assert verdict(chance_checks(Binary(), good, [day("2026-11-20", GUESSED)])) == "neutral"


def test_a_week_without_predictions_has_no_live_performance_to_check():
    assert (
        len(chance_checks(Binary(), [day("2026-11-20", RANKED)], [LiveDay("2026-11-20", note="no predictions")])) == 1
    )


def test_the_interval_of_a_ranking_holds_it_and_is_unknown_for_one_class():
    low, high = interval(Binary(), TARGET, RANKED)
    assert 0.5 < low < roc_auc_score(TARGET, RANKED) < high < 1
    assert np.isnan(interval(Binary(), np.zeros(10), RANDOM.uniform(size=10))).all()


CLASSES = Multiclass(("a", "b", "c"))
NAMED = np.tile(["a", "a", "b", "c"], 100)


def knowing(share):
    """Probabilities of a model of three classes that knows so much of them."""
    return share * np.eye(3)[CLASSES._codes(NAMED)] + (1 - share) * CLASSES.baseline(NAMED)


def test_a_model_of_classes_and_one_of_numbers_are_held_against_their_own_baselines():
    assert passed(baseline_checks(CLASSES, NAMED, knowing(0.3))) == [True, True]
    assert passed(baseline_checks(CLASSES, NAMED, CLASSES.baseline(NAMED))) == [False, False]
    numbers = np.arange(400.0)
    assert passed(baseline_checks(Regression(), numbers, numbers + 50)) == [True, True]
    assert passed(baseline_checks(Regression(), numbers, np.full(400, numbers.mean()))) == [False, False]


def test_a_backtest_of_classes_and_one_of_numbers_have_to_be_above_chance():
    for problem, target, good, bad in [
        (CLASSES, NAMED, knowing(0.3), CLASSES.baseline(NAMED)),
        (Regression(), RANKED, RANKED + 0.01 * GUESSED, np.roll(RANKED, 7)),
    ]:
        days = [
            LiveDay("2026-11-20", "1", problem.frame(said).assign(target=target), len(target), counts=True)
            for said in (good, bad)
        ]
        assert [verdict(chance_checks(problem, [day], [])) for day in days] == ["approve", "against"]


def test_predictions_that_are_off_on_average_fail():
    assert level_check(Binary(), TARGET, np.full(400, 0.3), 0.1).passed
    assert not level_check(Binary(), TARGET, np.full(400, 0.5), 0.1).passed
    assert level_check(CLASSES, NAMED, np.tile([0.6, 0.3, 0.1], (400, 1)), 0.15).value == pytest.approx(0.1)
    assert level_check(Regression(), np.arange(4.0), np.arange(4.0) + 2, 1.0).value == pytest.approx(2)
