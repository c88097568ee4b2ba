"""Paired bootstrap: its scores are scikit-learn's on the rows that were drawn, and noise is called noise."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from galley.review import bootstrap
from galley.review.bootstrap import Difference, differences, weighted_scores
from galley.scoring.metrics import scores


def rows(count, skill, seed=1, places=2):
    """Targets, and probabilities that know something of them; rounded, so that there are ties."""
    generator = np.random.default_rng(seed)
    target = (generator.random(count) < 0.3).astype(float)
    logit = skill * (target - 0.5) + generator.normal(size=count) - 0.8
    return target, (1 / (1 + np.exp(-logit))).round(places)


@pytest.mark.parametrize("places", [1, 2, 12])
@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.999])
def test_the_scores_of_a_resample_are_scikit_learns_on_the_rows_it_drew(places, threshold):
    target, probability = rows(150, 1.0, places=places)
    weights = np.vstack(list(bootstrap._weights(len(target), 20, seed=3)))
    found = weighted_scores(target, probability, threshold, weights)
    for number, times in enumerate(weights.astype(int)):
        drawn = np.repeat(np.arange(len(target)), times)
        expected = scores(target[drawn].astype(int), probability[drawn], threshold)
        for name in bootstrap.SCORES:
            assert found[name][number] == pytest.approx(expected[name], abs=1e-12), name


def test_certain_and_wrong_has_the_log_loss_of_scikit_learn():
    target, probability = np.array([1.0, 0.0, 1.0]), np.array([0.0, 1.0, 1.0])
    found = weighted_scores(target, probability, 0.5, np.ones((1, 3)))
    assert found["log_loss"][0] == pytest.approx(scores(target.astype(int), probability, 0.5)["log_loss"])


def test_a_resample_draws_as_many_rows_as_there_are():
    weights = np.vstack(list(bootstrap._weights(1500, 3000, seed=0)))
    assert weights.shape == (3000, 1500)
    assert (weights.sum(axis=1) == 1500).all()


def test_the_same_seed_gives_the_same_intervals_and_another_seed_others():
    target, new = rows(200, 1.0)
    old = np.roll(new, 1)
    first = differences(target, new, old, 0.5, resamples=100)
    assert differences(target, new, old, 0.5, resamples=100) == first
    assert differences(target, new, old, 0.5, resamples=100, seed=1) != first


def test_a_model_that_knows_is_better_than_one_that_guesses_and_the_other_way_round_worse():
    target, new = rows(2000, 2.0)
    old = np.random.default_rng(5).permutation(new)
    assert {one.verdict for one in differences(target, new, old, 0.4)} == {"better"}
    assert {one.verdict for one in differences(target, old, new, 0.4)} == {"worse"}


def test_two_models_that_know_the_same_differ_by_noise():
    target, truth = rows(400, 1.5)
    generator = np.random.default_rng(2)
    new, old = (np.clip(truth + generator.normal(scale=0.05, size=400), 0.01, 0.99) for _ in "ab")
    found = {one.score: one.verdict for one in differences(target, new, old, 0.5)}
    assert (found["roc_auc"], found["brier"]) == ("noise", "noise")


def test_the_interval_of_a_mean_is_the_one_that_theory_gives():
    target, new = rows(3000, 1.0)
    old = np.full(3000, 0.3)
    brier = next(one for one in differences(target, new, old, 0.5, resamples=4000) if one.score == "brier")
    gained = (new - target) ** 2 - (old - target) ** 2
    reach = 1.96 * gained.std() / np.sqrt(3000)
    assert (brier.low, brier.high) == pytest.approx((gained.mean() - reach, gained.mean() + reach), abs=0.1 * reach)


def test_a_model_against_itself_is_the_same():
    target, new = rows(60, 1.0)
    assert {one.in_words for one in differences(target, new, new, 0.5)} == {"the same"}


def test_a_handful_of_rows_has_an_interval_although_some_resamples_are_of_one_class():
    found = differences([0, 0, 0, 1], [0.1, 0.2, 0.3, 0.9], [0.9, 0.1, 0.2, 0.3], 0.5)
    assert all(np.isfinite([one.low, one.high]).all() for one in found)


@pytest.mark.parametrize(
    ("score", "low", "high", "words"),
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
def test_a_difference_in_words(score, low, high, words):
    assert Difference(score, 0.7, 0.6, low, high).in_words == words


@pytest.mark.parametrize("places", [1, 12])  # tenths are edges
def test_the_calibration_error_is_the_distance_from_the_diagonal_of_scikit_learns_curve(places):
    target, probability = rows(500, 1.0, places=places)
    share, mean = calibration_curve(target, probability, n_bins=10, strategy="uniform")
    counts = np.unique(np.searchsorted(np.linspace(0, 1, 11)[1:-1], probability), return_counts=True)[1]
    expected = np.average(np.abs(share - mean), weights=counts)
    assert scores(target.astype(int), probability, 0.5)["calibration_error"] == pytest.approx(expected)
