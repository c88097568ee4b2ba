"""Binary: checks of a model for two classes that a careless approval would miss."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from galley.review.backtest import LiveDay, together
from galley.review.bootstrap import auc_interval
from galley.review.checks import Check, above, at_most, below
from galley.scoring.metrics import scores

CHANCE = 0.5
"""The ROC AUC of a model that knows nothing."""


def base_rate_checks(target: Any, probability: Any) -> list[Check]:
    """Whether probabilities say more than the rows' own share of positives, given to each row, would."""
    target = np.asarray(target)
    base, given = (scores(target, said, 0.5) for said in (np.full(len(target), target.mean()), probability))
    return [
        below("log loss against the base rate", given["log_loss"], base["log_loss"]),
        below("Brier score against the base rate", given["brier"], base["brier"]),
    ]


def overfit_check(training: float, validation: float, limit: float) -> Check:
    """Whether the ROC AUC of the training rows is at most so much above that of the validation rows."""
    return at_most("ROC AUC of training above validation", training - validation, limit)


def chance_checks(backtest: Sequence[LiveDay], live: Sequence[LiveDay]) -> list[Check]:
    """Whether the challenger's backtest, and the live performance of what is in production, are above chance.

    By the lower end of their intervals, on the days that count. Without any such day the backtest fails, since nobody
    knows then. Live performance is asked for where there is some, and is not required of a challenger that replaces it.
    """
    checks = [above("backtest ROC AUC (lower end of the interval)", _at_least(backtest), CHANCE)]
    if together(live) is not None:
        checks.append(above("live ROC AUC (lower end of the interval)", _at_least(live), CHANCE, required=False))
    return checks


def _at_least(days: Sequence[LiveDay]) -> float:
    rows = together(days)
    return float("nan") if rows is None else auc_interval(rows["target"], rows["probability"])[0]
