"""Drift: how far rows of today are from the rows that a model learned from, column by column."""

from typing import Any

import numpy as np
import pandas as pd

BINS = 10
_CATEGORIES = 20
"""Categories counted one by one; the rest are one bin, as a share of next to nothing says nothing."""
_LEAST_SHARE = 1e-4
"""What an empty bin counts as: the index of a share of nothing would be infinite."""
_MISSING, _OTHER = "(missing)", "(other)"


def psi(before: Any, now: Any) -> float:
    """The population stability index: 0 for the same distribution, up to 0.1 hardly any drift, from 0.25 on a lot.

    Numbers are counted in ten bins of equally many rows of `before`, texts by value; missing is a bin of its own.
    """
    old, new = _shares(pd.Series(before), pd.Series(now))
    return float(((new - old) * np.log(new / old)).sum())


def ks(before: Any, now: Any) -> float:
    """Kolmogorov and Smirnov's distance: how far apart the two cumulative distributions of numbers get, 0 to 1."""
    old, new = (np.sort(pd.Series(values).dropna().to_numpy(dtype=float)) for values in (before, now))
    if not len(old) or not len(new):
        return float("nan")
    points = np.concatenate([old, new])
    reached = [np.searchsorted(values, points, side="right") / len(values) for values in (old, new)]
    return float(np.abs(reached[0] - reached[1]).max())


def by_chance(before: int, now: int) -> float:
    """What the index is expected to be between so many rows of the very same distribution."""
    return (BINS - 1) * (1 / before + 1 / now)


def drift(before: pd.DataFrame, now: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The drift of each column, the most first: psi, ks (numbers only), and the share missing in either."""
    return pd.DataFrame(
        {
            column: {
                "psi": psi(before[column], now[column]),
                "ks": ks(before[column], now[column]) if _is_number(before[column]) else float("nan"),
                "missing_before": before[column].isna().mean(),
                "missing_now": now[column].isna().mean(),
            }
            for column in columns
        }
    ).T.sort_values("psi", ascending=False)


def counted(before: pd.Series, now: pd.Series) -> pd.DataFrame:
    """The shares of a column's bins before and now, as they are plotted and as the index compares them."""
    labels = _binned(before, now)
    shares = pd.DataFrame({name: found.value_counts(normalize=True) for name, found in labels.items()})
    return shares.fillna(0.0).sort_index()


def _shares(before: pd.Series, now: pd.Series) -> tuple[Any, Any]:
    shares = counted(before, now).clip(lower=_LEAST_SHARE)
    return shares["before"].to_numpy(), shares["now"].to_numpy()


def _binned(before: pd.Series, now: pd.Series) -> dict[str, pd.Series]:
    """Which bin each value falls into."""
    both = {"before": before, "now": now}
    if _is_number(before) and before.notna().any():
        tenths = before.quantile(np.linspace(0, 1, BINS + 1)).to_numpy(dtype=float)
        return {name: _in_bins(values, tenths) for name, values in both.items()}
    known = set(before.dropna().astype(str).value_counts().index[:_CATEGORIES])
    return {name: _as_categories(values, known) for name, values in both.items()}


def _in_bins(values: pd.Series, tenths: Any) -> pd.Series:
    """An edge belongs to the bin above it; a value that fills a tenth alone, as the zeros of rain do, is a bin."""
    given = values.to_numpy(dtype=float)
    edges = np.unique(tenths[1:-1])
    alone = np.array([edge for edge in edges if (tenths == edge).sum() > 1])
    places = np.searchsorted(edges, given, side="right") + np.searchsorted(alone, given, side="left")
    names = _names(edges, alone)
    found = pd.Series(np.array(names)[np.minimum(places, len(names) - 1)], dtype="str").mask(np.isnan(given), _MISSING)
    return found.astype(pd.CategoricalDtype([*names, _MISSING], ordered=True))


def _as_categories(values: pd.Series, known: set[str]) -> pd.Series:
    texts = values.astype("str")
    return texts.where(texts.isin(known), _OTHER).mask(values.isna(), _MISSING)


def _names(edges: Any, alone: Any) -> list[str]:
    """The bins' names, in the order of their places; with as many digits as it takes to tell the edges apart."""
    digits = next(digits for digits in (4, 6, 9, 17) if len({f"{edge:.{digits}g}" for edge in edges}) == len(edges))
    texts = [f"{edge:.{digits}g}" for edge in edges]
    names = [f"below {texts[0]}"]
    for edge, text, following in zip(edges, texts, [*texts[1:], ""], strict=True):
        starts = "above" if edge in alone else "from"
        names += [text] if edge in alone else []
        names += [f"{text} to {following}" if following else f"{starts} {text}"]
    return names


def _is_number(values: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values))
