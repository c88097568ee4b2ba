"""Metrics of resamples: of weights that say how often each row was drawn, the metric of each draw."""

import numpy as np

from galley.problems.problem import Numbers, Statistic


def mean_of(losses: Numbers) -> Statistic:
    """The mean of a number of each row."""
    return lambda weights: weights @ losses / weights.sum(axis=1)


def share(part: Numbers, whole: Numbers, of_nothing: float) -> Numbers:
    """Part by whole, and `of_nothing` where there is no whole."""
    return np.divide(part, whole, out=np.full_like(part, of_nothing), where=whole > 0)


def calibration_error(outcome: Numbers, probability: Numbers, places: Numbers) -> Statistic:
    """How far outcome and probability are apart on average, in each of the ten places that a probability has."""
    apart = (outcome - probability)[:, None] * (places[:, None] == np.arange(10))
    return lambda weights: np.abs(weights @ apart).sum(axis=1) / weights.sum(axis=1)


class Ranking:
    """ROC AUC and PR AUC of 0/1 targets. The rows are put in order once; both share what a draw adds up to.

    Rows of the same probability count as one step, as they cannot be put in an order.
    """

    def __init__(self, target: Numbers, probability: Numbers) -> None:
        self._order = np.argsort(-probability, kind="stable")
        self._steps = np.flatnonzero(np.r_[True, np.diff(probability[self._order]) != 0])
        self._target = target[self._order]
        self._last: tuple[Numbers, tuple[Numbers, Numbers]] | None = None

    def roc_auc(self, weights: Numbers) -> Numbers:
        """A pair of a row of each class is in the right order if the 1 comes earlier, and half if tied."""
        positive, every = self._added_up(weights)
        so_far = positive.cumsum(axis=1)
        others = every - positive
        right = (others * (so_far - positive / 2)).sum(axis=1)
        return share(right, so_far[:, -1] * others.sum(axis=1), of_nothing=np.nan)

    def pr_auc(self, weights: Numbers) -> Numbers:
        """The mean precision at each row that is 1."""
        positive, every = self._added_up(weights)
        so_far = positive.cumsum(axis=1)
        precision = share(so_far, every.cumsum(axis=1), of_nothing=0)
        return share((positive * precision).sum(axis=1), so_far[:, -1], of_nothing=np.nan)

    def _added_up(self, weights: Numbers) -> tuple[Numbers, Numbers]:
        """The weights of the rows that are 1, and of all, at each step."""
        if self._last is None or self._last[0] is not weights:
            ordered = weights[:, self._order]
            positive = np.add.reduceat(ordered * self._target, self._steps, axis=1)
            self._last = weights, (positive, np.add.reduceat(ordered, self._steps, axis=1))
        return self._last[1]
