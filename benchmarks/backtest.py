"""Backtest: how each way to train does on the six days that follow, on many Mondays.

Usage: .venvs/bench/bin/python benchmarks/backtest.py [MONDAYS [FIRST]]; from another first Monday it prints the table,
and keeps nothing.

Each Monday a model is trained on the flights up to that day, split as train_weekly's notebooks split them, and scores
the flights from Tuesday to Sunday. The Mondays are four weeks apart, so that no day is in two trainings of 28 days. The
intervals are of the mean over Mondays, which are drawn anew with replacement.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from measuring import keep, table
from sklearn.model_selection import train_test_split

from flights.features import FEATURES, build
from flights.source import replay
from galley.problems import Binary

FIRST = date(2026, 2, 2)
FOLLOWING = range(1, 7)
"""The days after a Monday that its model is in production for."""
VALIDATION_SHARE, GAP = 0.2, 1
Figures = dict[str, float]
Read = Callable[[range], pd.DataFrame]
"""The flights of some days, by their distance from a Monday."""


@dataclass(frozen=True)
class Way:
    """One way to train."""

    name: str
    days: int
    estimator: str
    settings: dict[str, Any] = field(default_factory=dict)
    method: str = "time"

    def split(self, read: Read) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The rows to learn from and those to judge by."""
        held_out = max(1, round(self.days * VALIDATION_SHARE))
        if self.method == "time":
            return read(range(1 - self.days, 1 - held_out - GAP)), read(range(1 - held_out, 1))
        rows = read(range(1 - self.days, 1))
        return tuple(train_test_split(rows, test_size=VALIDATION_SHARE, stratify=rows["late"], random_state=0))


TREES, LINES, FOREST = "hist_gradient_boosting", "logistic_regression", "random_forest"
SLOW = {"learning_rate": 0.05, "max_leaf_nodes": 8, "min_samples_leaf": 200, "l2_regularization": 10}
WAYS = (
    Way("1 day at random, boosted trees", 1, TREES, method="random"),
    Way("1 day at random, logistic regression", 1, LINES, method="random"),
    Way("7 days, boosted trees", 7, TREES),
    Way("7 days, logistic regression", 7, LINES),
    Way("28 days at random, logistic regression", 28, LINES, method="random"),
    Way("28 days, boosted trees", 28, TREES),
    Way("28 days, boosted trees held back", 28, TREES, SLOW),
    Way("28 days, forest held back", 28, FOREST, {"min_samples_leaf": 50, "max_features": 0.3}),
    Way("28 days, logistic regression, C = 1", 28, LINES, {"C": 1.0}),
    Way("**28 days, logistic regression, C = 0.01**", 28, LINES),
    Way("28 days, logistic regression, C = 0.001", 28, LINES, {"C": 0.001}),
)


@cache
def flights_of(day: date) -> pd.DataFrame:
    """A day's flights with what became of them."""
    batch = replay(day)
    return batch.data.merge(batch.target, on="flight_id", validate="one_to_one")


def judge(way: Way, monday: date) -> Figures:
    """What the model of a Monday does on its own rows, on those held out, and on the days that follow."""

    def read(days: range) -> pd.DataFrame:
        return pd.concat([flights_of(monday + timedelta(day)) for day in days], ignore_index=True)

    train, val = way.split(read)
    model = build(way.estimator, way.settings, seed=0).fit(train[FEATURES], train["late"])
    parts = {"train": train, "val": val, "next": read(FOLLOWING)}
    return {name: value for part, rows in parts.items() for name, value in figures(part, model, rows).items()}


def figures(part: str, model: Any, rows: pd.DataFrame) -> Figures:
    """ROC AUC, and how far log loss and Brier score are above those of the rows' own base rate."""
    late = rows["late"].to_numpy()
    problem = Binary()
    given, base = (problem.scores(late, said) for said in (problem.ask(model, rows[FEATURES]), problem.baseline(late)))
    return {f"{part}_roc_auc": given["roc_auc"]} | {
        f"{part}_{score}_added": given[score] - base[score] for score in ("log_loss", "brier")
    }


def with_interval(values: "pd.Series[float]", sign: str = "") -> str:
    """The mean, and the interval that it lies in."""
    drawn = np.random.default_rng(0).choice(values.to_numpy(), (10_000, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{values.mean():{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


def row(name: str, of: pd.DataFrame) -> list[str]:
    """What is shown of one way."""
    return [
        name,
        f"{of['train_roc_auc'].mean():.3f}",
        f"{of['val_roc_auc'].mean():.3f}",
        with_interval(of["next_roc_auc"]),
        with_interval(of["next_log_loss_added"], "+"),
        f"{(of['next_log_loss_added'] < 0).sum()} of {len(of)}",
    ]


def main() -> None:
    """Measure, and keep the table in docs/benchmarks.md and the figures beside this file."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    first = date.fromisoformat(sys.argv[2]) if len(sys.argv) > 2 else FIRST
    mondays = [first + timedelta(weeks=4 * number) for number in range(count)]
    found = {way.name: {str(monday): judge(way, monday) for monday in mondays} for way in WAYS}
    head = [
        "trained on",
        "training",
        "validation",
        "next six days",
        "log loss added to the base rate's",
        "Mondays better",
    ]
    rows = [row(name, pd.DataFrame(of).T) for name, of in found.items()]
    rounded = {
        name: {monday: {figure: round(value, 4) for figure, value in of.items()} for monday, of in mondays.items()}
        for name, mondays in found.items()
    }
    if first == FIRST:
        keep(__file__, rounded, table(head, rows))
    else:
        print(table(head, rows))  # noqa: T201


if __name__ == "__main__":
    main()
