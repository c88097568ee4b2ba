"""Slices: parts of the validation rows on which the new model is worse than the old one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from galley.problems.problem import Array, Problem
from galley.review.checks import Check, at_most

_REACH = 1.96
"""Standard errors to either side that make an interval of 95 %."""


def slices(
    problem: Problem,
    rows: pd.DataFrame,
    by: Sequence[str] | Mapping[str, Any],
    target: Any,
    new: Array,
    old: Array,
    *,
    min_rows: int,
) -> pd.DataFrame:
    """Each part of the rows with at least `min_rows` of them, those first where the new model lost the most.

    `by` are columns, or a value of each row under a name of its own, as rows.eval("distance > 1000") gives one. Judged
    by the problem's loss (lower is better), which also parts of one class have. `gained` is old - new, so that more is
    better, from `low` to `high` with the noise of so many rows; `worse` says that not even that explains the loss.
    """
    losses = {"new": problem.loss(target, new), "old": problem.loss(target, old)}
    apart = pd.DataFrame({"rows": 1, "actual": problem.outcome(target, new), **losses})
    apart["gained"] = apart["old"] - apart["new"]
    named = by if isinstance(by, Mapping) else {column: rows[column] for column in by}
    parts = [_parts(apart, np.asarray(values), name) for name, values in named.items()]
    found = pd.concat([part[part["rows"] >= min_rows] for part in parts], ignore_index=True)
    return found.sort_values("gained", ignore_index=True, kind="stable")


def worst_in_words(parts: pd.DataFrame) -> str:
    """The slice where the new model lost most, with its interval."""
    if parts.empty:
        return "No slice has enough rows to tell."
    worst = parts.iloc[0]
    return (
        f"Worst slice: {worst['slice']}, {worst['rows']} rows, gained {worst['gained']:+.4f} "
        f"({worst['low']:+.4f} to {worst['high']:+.4f})."
    )


def slice_check(parts: pd.DataFrame, limit: float, *, required: bool = False) -> Check:
    """Whether no slice certainly lost more of the loss than `limit`: to the better end of its interval."""
    lost = -parts["high"].dropna().min() if len(parts) else 0.0
    return at_most("certainly lost in a slice", max(0.0, float(lost)), limit, required=required)


def _parts(apart: pd.DataFrame, values: Any, column: str) -> pd.DataFrame:
    grouped = apart.groupby(values)
    means = grouped[["actual", "new", "old", "gained"]].mean()
    count = grouped["rows"].sum()
    reach = _REACH * grouped["gained"].std(ddof=1) / np.sqrt(count)
    found = means.assign(rows=count, low=means["gained"] - reach, high=means["gained"] + reach)
    # One row alone has no spread: its interval is unknown and nothing is said of it.
    found["worse"] = found["high"] < 0
    found["slice"] = [_named(column, value) for value in means.index]
    return found[["slice", "rows", "actual", "new", "old", "gained", "low", "high", "worse"]]


def _named(column: str, value: Any) -> str:
    """A slice in words: those of a yes or no are what is asked, and not."""
    if isinstance(value, bool | np.bool_):
        return column if value else f"not {column}"
    return f"{column} {value:g}" if isinstance(value, float) else f"{column} {value}"
