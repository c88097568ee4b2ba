"""Slices: parts of the validation rows on which the new model is worse than the old one."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

_REACH = 1.96
"""Standard errors to either side that make an interval of 95 %."""


def slices(
    rows: pd.DataFrame, columns: Sequence[str], target: Any, new: Any, old: Any, *, min_rows: int
) -> pd.DataFrame:
    """Each value of each column with at least `min_rows` rows, those first where the new model lost the most.

    Judged by the Brier score (lower is better), which also parts of one class have. `gained` is old - new, so that more
    is better, from `low` to `high` with the noise of so many rows; `worse` says that not even that explains the loss.
    """
    target, new, old = (np.asarray(values, dtype=float) for values in (target, new, old))
    apart = pd.DataFrame({"rows": 1, "share": target, "new": (new - target) ** 2, "old": (old - target) ** 2})
    apart["gained"] = apart["old"] - apart["new"]
    parts = [_parts(apart, rows[column].to_numpy(), column) for column in columns]
    found = pd.concat([part[part["rows"] >= min_rows] for part in parts], ignore_index=True)
    return found.sort_values("gained", ignore_index=True, kind="stable")


def _parts(apart: pd.DataFrame, values: Any, column: str) -> pd.DataFrame:
    grouped = apart.groupby(values)
    means = grouped[["share", "new", "old", "gained"]].mean()
    count = grouped["rows"].sum()
    reach = _REACH * grouped["gained"].std(ddof=1) / np.sqrt(count)
    found = means.assign(rows=count, low=means["gained"] - reach, high=means["gained"] + reach)
    # One row alone has no spread: its interval is unknown and nothing is said of it.
    found["worse"] = found["high"] < 0
    found["slice"] = [
        f"{column} {value:g}" if isinstance(value, float) else f"{column} {value}" for value in means.index
    ]
    return found[["slice", "rows", "share", "new", "old", "gained", "low", "high", "worse"]]
