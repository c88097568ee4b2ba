"""Baseline: checks that a careless approval would miss, against what somebody says who knows nothing of the rows."""

from collections.abc import Sequence
from typing import Any

from galley.problems.problem import Array, Problem
from galley.review.backtest import LiveDay, together
from galley.review.bootstrap import interval
from galley.review.checks import Check, above, at_most, below


def baseline_checks(problem: Problem, target: Any, predicted: Array) -> list[Check]:
    """Whether a model says more than the baseline of these very rows, given to each of them, would."""
    base, given = (problem.scores(target, said) for said in (problem.baseline(target), predicted))
    return [
        (below if problem.metrics[name].lower_is_better else above)(
            f"{problem.metrics[name].label} against the baseline", given[name], base[name]
        )
        for name in problem.against_baseline
    ]


def overfit_check(problem: Problem, training: float, validation: float, limit: float) -> Check:
    """Whether the key metric of the training rows is at most so much better than that of the validation rows."""
    metric = problem.metrics[problem.key]
    better = validation - training if metric.lower_is_better else training - validation
    return at_most(f"{metric.label} of training above validation", better, limit)


def level_check(problem: Problem, target: Any, predicted: Array, limit: float, *, required: bool = False) -> Check:
    """Whether what is predicted is what came, on average, to within `limit`."""
    said, came = problem.number(predicted).mean(), problem.outcome(target, predicted).mean()
    return at_most("mean prediction off what came", abs(float(said - came)), limit, required=required)


def chance_checks(problem: Problem, backtest: Sequence[LiveDay], live: Sequence[LiveDay]) -> list[Check]:
    """Whether the challenger's backtest, and the live performance of what is in production, are above chance.

    By the end of their intervals, on the days that count. Without any such day the backtest fails, since nobody knows
    then. Live performance is asked for where there is some, and is not required of a challenger that replaces it.
    """
    checks = [_above_chance(problem, "backtest", backtest)]
    if together(live) is not None:
        checks.append(_above_chance(problem, "live", live, required=False))
    return checks


def _above_chance(problem: Problem, what: str, days: Sequence[LiveDay], *, required: bool = True) -> Check:
    rows, metric = together(days), problem.metrics[problem.key]
    low, high = (float("nan"),) * 2 if rows is None else interval(problem, rows["target"], problem.read(rows))
    if metric.lower_is_better:
        return below(f"{what} {metric.label} (upper end of the interval)", high, problem.chance, required=required)
    return above(f"{what} {metric.label} (lower end of the interval)", low, problem.chance, required=required)
