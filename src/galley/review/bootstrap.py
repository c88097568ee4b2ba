"""Bootstrap: how much of the difference between two models on the same rows is noise."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from galley.problems.problem import Numbers, Problem

_AT_ONCE = 100_000
"""Weights held at a time: more would not stay in the processor's cache."""


@dataclass(frozen=True)
class Difference:
    """One metric of two models on the same rows, and the interval that the new one's difference lies in."""

    metric: str
    new: float
    old: float
    low: float
    high: float
    lower_is_better: bool = False

    @property
    def gained(self) -> float:
        """What the new model adds, in the metric's own direction."""
        return self.new - self.old

    @property
    def verdict(self) -> str:
        """Better or worse if the whole interval says so; else noise, and the same if nothing differs at all."""
        if self.low == self.high == 0:
            return "the same"
        if self.low <= 0 <= self.high or not np.isfinite([self.low, self.high]).all():
            return "noise"
        return "better" if (self.low > 0) != self.lower_is_better else "worse"

    @property
    def in_words(self) -> str:
        """The verdict with its interval."""
        if not np.isfinite([self.low, self.high]).all():
            return "too few rows to tell"
        return self.verdict if self.verdict == "the same" else f"{self.verdict} ({self.low:+.3f} to {self.high:+.3f})"


def differences(
    problem: Problem,
    target: Any,
    new: Any,
    old: Any,
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> list[Difference]:
    """The problem's metrics of what two models predicted for the same targets, with paired bootstrap intervals.

    Each resample draws rows with replacement and judges both models on them, so that rows that are hard for both cancel
    out. A resample that has no value of a metric, as one class has no ROC AUC, is left out of that interval; a metric
    that one of the models does not have is left out.
    """
    here, there = (problem.scores(target, model) for model in (new, old))
    ours, theirs = (problem.statistics(target, model) for model in (new, old))
    names = [name for name in problem.metrics if name in here and name in there]
    drawn: dict[str, list[Numbers]] = {name: [] for name in names}
    for weights in _weights(len(target), resamples, seed):
        for name in names:
            drawn[name].append(ours[name](weights) - theirs[name](weights))
    return [
        Difference(
            name,
            here[name],
            there[name],
            *_interval(np.concatenate(drawn[name]), confidence),
            problem.metrics[name].lower_is_better,
        )
        for name in names
    ]


def in_numbers(problem: Problem, compared: Iterable[Difference]) -> dict[str, dict[str, Any]]:
    """What a review concludes of each metric: its label, both models' values, and their difference in words."""
    return {
        one.metric: {
            "label": problem.metrics[one.metric].in_words,
            "new": round(one.new, 4),
            "old": round(one.old, 4),
            "difference": one.in_words,
        }
        for one in compared
    }


def interval(
    problem: Problem,
    target: Any,
    predicted: Any,
    metric: str = "",
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """The interval of one metric (blank: the key metric) of one model: not numbers where no resample has a value."""
    statistic = problem.statistics(target, predicted)[metric or problem.key]
    return _interval(
        np.concatenate([statistic(weights) for weights in _weights(len(target), resamples, seed)]), confidence
    )


def table(problem: Problem, differences: Sequence[Difference], new: str, old: str) -> str:
    """The differences as a table in markdown, with the intervals in words."""
    rows = [
        f"| {problem.metrics[one.metric].in_words} | {one.new:.4f} | {one.old:.4f} | {one.in_words} |"
        for one in differences
    ]
    return "\n".join([f"| | {new} | {old} | difference |", "|---|---:|---:|---|", *rows])


def _weights(rows: int, resamples: int, seed: int) -> Iterator[Numbers]:
    """How often each row is drawn, for some resamples at a time."""
    generator = np.random.default_rng(seed)
    at_once = max(1, _AT_ONCE // rows)
    for first in range(0, resamples, at_once):
        count = min(at_once, resamples - first)
        drawn = generator.integers(rows, size=(count, rows)) + rows * np.arange(count)[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * rows).reshape(count, rows).astype(float)


def _interval(values: Numbers, confidence: float) -> tuple[float, float]:
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
