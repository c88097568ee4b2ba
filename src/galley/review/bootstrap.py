"""Bootstrap: how much of the difference between two models on the same rows is noise."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from galley.scoring.metrics import NAMES, scores, tenths

Numbers = NDArray[np.float64]

SCORES = ("roc_auc", "pr_auc", "log_loss", "brier", "calibration_error", "precision", "recall")
LOWER_IS_BETTER = frozenset({"log_loss", "brier", "calibration_error"})

_AT_ONCE = 100_000
"""Weights held at a time: more would not stay in the processor's cache."""


@dataclass(frozen=True)
class Difference:
    """One score of two models on the same rows, and the interval that the new one's difference lies in."""

    score: str
    new: float
    old: float
    low: float
    high: float

    @property
    def gained(self) -> float:
        """What the new model adds, in the score's own direction."""
        return self.new - self.old

    @property
    def verdict(self) -> str:
        """Better or worse if the whole interval says so; else noise, and the same if nothing differs at all."""
        if self.low == self.high == 0:
            return "the same"
        if self.low <= 0 <= self.high or not np.isfinite([self.low, self.high]).all():
            return "noise"
        return "better" if (self.low > 0) != (self.score in LOWER_IS_BETTER) else "worse"

    @property
    def in_words(self) -> str:
        """The verdict with its interval."""
        if not np.isfinite([self.low, self.high]).all():
            return "too few rows to tell"
        return self.verdict if self.verdict == "the same" else f"{self.verdict} ({self.low:+.3f} to {self.high:+.3f})"


def differences(
    target: Any,
    new: Any,
    old: Any,
    threshold: float,
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> list[Difference]:
    """The scores of two models' probabilities for the same 0/1 targets, with paired bootstrap intervals.

    Each resample draws rows with replacement and scores both models on them, so that rows that are hard for both
    cancel out. A resample of one class has no ROC AUC and is left out of that interval.
    """
    target, new, old = (np.asarray(values, dtype=float) for values in (target, new, old))
    drawn: dict[str, list[Numbers]] = {score: [] for score in SCORES}
    for weights in _weights(len(target), resamples, seed):
        ours, theirs = (weighted_scores(target, model, threshold, weights) for model in (new, old))
        for score in SCORES:
            drawn[score].append(ours[score] - theirs[score])
    here, there = (scores(target.astype(int), model, threshold) for model in (new, old))
    return [
        Difference(score, here[score], there[score], *_interval(np.concatenate(drawn[score]), confidence))
        for score in SCORES
    ]


def auc_interval(
    target: Any, probability: Any, *, resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """The interval of one model's ROC AUC: not numbers where the rows are of one class."""
    target, probability = (np.asarray(values, dtype=float) for values in (target, probability))
    drawn = [_ranking(target, probability, weights)["roc_auc"] for weights in _weights(len(target), resamples, seed)]
    return _interval(np.concatenate(drawn), confidence)


def weighted_scores(target: Numbers, probability: Numbers, threshold: float, weights: Numbers) -> dict[str, Numbers]:
    """Each of SCORES for every row of `weights`, which says how often each of the rows is in that resample."""
    surely = np.clip(probability, np.finfo(float).eps, 1 - np.finfo(float).eps)
    rows = weights.sum(axis=1)
    called = (probability >= threshold).astype(float)
    found = weights @ (target * called)
    apart = (target - probability)[:, None] * (tenths(probability)[:, None] == np.arange(10))
    return {
        **_ranking(target, probability, weights),
        "log_loss": weights @ -(target * np.log(surely) + (1 - target) * np.log1p(-surely)) / rows,
        "brier": weights @ (target - probability) ** 2 / rows,
        "calibration_error": np.abs(weights @ apart).sum(axis=1) / rows,
        "precision": _share(found, weights @ called, of_nothing=0),
        "recall": _share(found, weights @ target, of_nothing=0),
    }


def table(differences: Sequence[Difference], new: str, old: str) -> str:
    """The differences as a table in markdown, with the intervals in words."""
    rows = [f"| {NAMES[one.score]} | {one.new:.4f} | {one.old:.4f} | {one.in_words} |" for one in differences]
    return "\n".join([f"| | {new} | {old} | difference |", "|---|---:|---:|---|", *rows])


def _weights(rows: int, resamples: int, seed: int) -> Iterator[Numbers]:
    """How often each row is drawn, for some resamples at a time."""
    generator = np.random.default_rng(seed)
    at_once = max(1, _AT_ONCE // rows)
    for first in range(0, resamples, at_once):
        count = min(at_once, resamples - first)
        drawn = generator.integers(rows, size=(count, rows)) + rows * np.arange(count)[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * rows).reshape(count, rows).astype(float)


def _ranking(target: Numbers, probability: Numbers, weights: Numbers) -> dict[str, Numbers]:
    """ROC AUC and PR AUC. Rows of the same probability count as one step, as they cannot be put in an order."""
    order = np.argsort(-probability, kind="stable")
    steps = np.flatnonzero(np.r_[True, np.diff(probability[order]) != 0])
    weights = weights[:, order]
    late = np.add.reduceat(weights * target[order], steps, axis=1)
    all_rows = np.add.reduceat(weights, steps, axis=1)
    late_so_far, so_far = late.cumsum(axis=1), all_rows.cumsum(axis=1)
    others = all_rows - late
    positives, negatives = late_so_far[:, -1], so_far[:, -1] - late_so_far[:, -1]
    # A pair of a late row and one that is not is in the right order if the late one comes earlier, and half if tied.
    right = (others * (late_so_far - late / 2)).sum(axis=1)
    precision = _share(late_so_far, so_far, of_nothing=0)
    return {
        "roc_auc": _share(right, positives * negatives, of_nothing=np.nan),
        "pr_auc": _share((late * precision).sum(axis=1), positives, of_nothing=np.nan),
    }


def _share(part: Numbers, whole: Numbers, of_nothing: float) -> Numbers:
    return np.divide(part, whole, out=np.full_like(part, of_nothing), where=whole > 0)


def _interval(values: Numbers, confidence: float) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
