"""Parts: a file in parts, so that one of any length is read and checked in bounded memory."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from galley.contract import careful, plain
from galley.contract.columns import Column
from galley.contract.keys import Hashes, padded


def parts(path: Path, columns: tuple[Column, ...], day: date | None, *, categories: bool) -> Iterator[pd.DataFrame]:
    """See Contract.parts. With `categories`, what repeats in a column of texts is categorical."""
    types = {column.name: _arrow_type(column, categories=categories) for column in columns}
    key = next((column.name for column in columns if column.unique), None)
    rows = 0
    try:
        with Hashes() as hashes:
            for part in plain.parts(path, types):
                if not all(_surely_keeps(part[column.name], column, day) for column in columns):
                    raise plain.NotPlain("perhaps a breach")
                if key:
                    hashes.add(part[key])
                rows += len(part)
                yield part
            if not rows or hashes.twice().size:
                raise plain.NotPlain("no rows, or a duplicate")
    except plain.NotPlain:
        careful.check(path, columns, day)
        yield from careful.parts(path, columns, rows)


def _surely_keeps(values: pd.Series, column: Column, day: date | None) -> bool:
    """Whether a column keeps to the contract for certain, but for duplicates: most parts need no more of a check."""
    if not column.nullable and values.isna().any():
        return False
    if column.kind in ("number", "flag"):  # pyarrow takes whole numbers alone for a flag
        low, high = (0, 1) if column.kind == "flag" else (column.low, column.high)
        numbers = values.to_numpy()
        return bool(np.fmin.reduce(numbers, initial=high) >= low and np.fmax.reduce(numbers, initial=low) <= high)
    if column.kind == "moment":
        return plain.are_moments(values, day if column.of_day else None)
    return not column.unique or not padded(values).any()


def _arrow_type(column: Column, *, categories: bool) -> Any:
    if column.kind in ("number", "flag"):
        return plain.NUMBER if column.kind == "number" else plain.FLAG
    return plain.CATEGORY if categories and column.kind == "text" and not column.unique else plain.TEXT
