"""Paired bootstrap: noise is called noise, and an interval holds what it says as often as it says."""

import numpy as np
import pytest

from galley.problems import Binary, Multiclass, Regression
from galley.review import bootstrap
from galley.review.bootstrap import Difference, differences, interval


def rows(count, skill, seed=1, places=2):
    """Targets, and probabilities that know something of them; rounded, so that there are ties."""
    generator = np.random.default_rng(seed)
    target = (generator.random(count) < 0.3).astype(float)
    logit = skill * (target - 0.5) + generator.normal(size=count) - 0.8
    return target, (1 / (1 + np.exp(-logit))).round(places)


def test_a_resample_draws_as_many_rows_as_there_are():
    weights = np.vstack(list(bootstrap._weights(1500, 3000, seed=0)))
    assert weights.shape == (3000, 1500)
    assert (weights.sum(axis=1) == 1500).all()


def test_the_same_seed_gives_the_same_intervals_and_another_seed_others():
    target, new = rows(200, 1.0)
    old = np.roll(new, 1)
    first = differences(Binary(), target, new, old, resamples=100)
    assert differences(Binary(), target, new, old, resamples=100) == first
    assert differences(Binary(), target, new, old, resamples=100, seed=1) != first


def test_a_model_that_knows_is_better_than_one_that_guesses_and_the_other_way_round_worse():
    target, new = rows(2000, 2.0)
    old = np.random.default_rng(5).permutation(new)
    assert {one.verdict for one in differences(Binary(threshold=0.4), target, new, old)} == {"better"}
    assert {one.verdict for one in differences(Binary(threshold=0.4), target, old, new)} == {"worse"}


def test_two_models_that_know_the_same_differ_by_noise():
    target, truth = rows(400, 1.5)
    generator = np.random.default_rng(2)
    new, old = (np.clip(truth + generator.normal(scale=0.05, size=400), 0.01, 0.99) for _ in "ab")
    found = {one.metric: one.verdict for one in differences(Binary(), target, new, old)}
    assert (found["roc_auc"], found["brier"]) == ("noise", "noise")


def test_the_interval_of_a_mean_is_the_one_that_theory_gives():
    target, new = rows(3000, 1.0)
    old = np.full(3000, 0.3)
    brier = next(one for one in differences(Binary(), target, new, old, resamples=4000) if one.metric == "brier")
    gained = (new - target) ** 2 - (old - target) ** 2
    reach = 1.96 * gained.std() / np.sqrt(3000)
    assert (brier.low, brier.high) == pytest.approx((gained.mean() - reach, gained.mean() + reach), abs=0.1 * reach)


def test_a_model_against_itself_is_the_same():
    target, new = rows(60, 1.0)
    assert {one.in_words for one in differences(Binary(), target, new, new)} == {"the same"}


def test_a_handful_of_rows_has_an_interval_although_some_resamples_are_of_one_class():
    found = differences(Binary(), [0, 0, 0, 1], np.array([0.1, 0.2, 0.3, 0.9]), np.array([0.9, 0.1, 0.2, 0.3]))
    assert all(np.isfinite([one.low, one.high]).all() for one in found)


@pytest.mark.parametrize(
    ("metric", "low", "high", "words"),
    [
        ("roc_auc", 0.01, 0.03, "better (+0.010 to +0.030)"),
        ("roc_auc", -0.03, -0.01, "worse (-0.030 to -0.010)"),
        ("roc_auc", -0.01, 0.03, "noise (-0.010 to +0.030)"),
        ("brier", 0.01, 0.03, "worse (+0.010 to +0.030)"),
        ("log_loss", -0.03, -0.01, "better (-0.030 to -0.010)"),
        ("recall", 0.0, 0.0, "the same"),
        ("roc_auc", float("nan"), float("nan"), "too few rows to tell"),
    ],
)
def test_a_difference_in_words(metric, low, high, words):
    found = Difference(metric, 0.7, 0.6, low, high, Binary.metrics[metric].lower_is_better)
    assert found.in_words == words


def drawn(kind, rows, generator):
    """Targets, and what a model says of them that knows something, of a population whose metric is known."""
    if kind == "binary":
        target = (generator.random(rows) < 0.3).astype(int)
        return Binary(), target, 1 / (1 + np.exp(-(1.5 * (target - 0.5) + generator.normal(size=rows) - 0.8)))
    if kind == "multiclass":
        codes = generator.choice(3, rows, p=[0.5, 0.3, 0.2])
        said = np.exp(np.eye(3)[codes] + generator.normal(size=(rows, 3)))
        return Multiclass(("a", "b", "c")), np.array(["a", "b", "c"])[codes], said / said.sum(axis=1, keepdims=True)
    target = generator.normal(10, 2, rows)
    return Regression(), target, target + generator.normal(0, 1.5, rows)


@pytest.mark.parametrize(
    ("kind", "metric"),
    [
        ("binary", "roc_auc"),
        ("binary", "log_loss"),
        ("multiclass", "roc_auc"),
        ("multiclass", "brier"),
        ("regression", "mae"),
        ("regression", "r2"),
    ],
)
def test_an_interval_of_95_percent_holds_what_is_true_of_the_population_93_to_97_times_of_100(kind, metric):
    generator = np.random.default_rng(11)
    problem, target, predicted = drawn(kind, 300_000, generator)
    true = problem.scores(target, predicted)[metric]
    held, tries = 0, 500
    for number in range(tries):
        problem, target, predicted = drawn(kind, 400, generator)
        low, high = interval(problem, target, predicted, metric, resamples=400, seed=number)
        held += low <= true <= high
    assert 0.93 <= held / tries <= 0.97


def test_metrics_that_one_of_two_models_lacks_are_not_compared():
    target, value = np.arange(20.0), np.arange(20.0) + 1
    with_interval = np.column_stack([value, value - 2, value + 2])
    assert "coverage" not in {one.metric for one in differences(Regression(), target, with_interval, value)}
    assert "coverage" in {one.metric for one in differences(Regression(), target, with_interval, with_interval)}
