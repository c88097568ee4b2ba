"""Importance: what a model's key metric loses when one column is shuffled: what it leans on in that column."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from galley.problems.problem import Array, Problem


def importance(
    problem: Problem,
    predict: Callable[[pd.DataFrame], Array],
    rows: pd.DataFrame,
    columns: Sequence[str],
    target: Any,
    *,
    repeats: int = 3,
    seed: int = 0,
) -> pd.Series:
    """The mean loss of the key metric for each column, the most important first.

    The same numbers as scikit-learn's permutation_importance, by the same shuffles, but with one prediction for all of
    them: a pipeline over columns of text takes longer to begin than to predict a thousand rows.
    """
    rows = rows[list(columns)].reset_index(drop=True)
    orders = _orders(len(rows), repeats, seed)
    shuffled = [rows.assign(**{column: rows[column].to_numpy()[order]}) for column in columns for order in orders]
    predicted = predict(pd.concat([rows, *shuffled], ignore_index=True))
    once = np.ones((1, len(rows)))  # every row once: the metric of these very rows
    whole, *lost = (
        float(problem.statistics(target, part)[problem.key](once)[0])
        for part in np.split(predicted, len(predicted) // len(rows))
    )
    means = whole - np.reshape(lost, (len(columns), repeats)).mean(axis=1)
    better = -1 if problem.metrics[problem.key].lower_is_better else 1
    return pd.Series(better * means, list(columns)).sort_values(ascending=False, kind="stable")


def _orders(count: int, repeats: int, seed: int) -> list[Any]:
    """The orders that scikit-learn brings so many rows into, each a shuffle of the last, the same for every column."""
    draws = np.random.RandomState(np.random.RandomState(seed).randint(np.iinfo(np.int32).max + 1))
    order, shuffle, orders = np.arange(count), np.arange(count), []
    for _ in range(repeats):
        draws.shuffle(shuffle)
        order = order[shuffle]
        orders.append(order)
    return orders
