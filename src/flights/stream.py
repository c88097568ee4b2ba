"""Stream: a day's data.csv in parts, so that a file of any length is read and checked in bounded memory."""

from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from flights.contract import DATA, KEY, Check, Column, conformed, csv_errors, file_name, open_csv
from galley.scoring import csv

PART_ROWS = 50_000
"""Rows that are held at a time where pandas reads the file."""


def stream_data(path: Path) -> Iterator[pd.DataFrame]:
    """A day's data.csv as `read_data` gives it, in parts, so that a file of any length can be read.

    What repeats in a column of texts is categorical. Raises ContractBreach like `read_data`, but for some of what is
    wrong only at the end: whatever is made of the parts must not count before. Eight bytes a row are held, to find
    flights that are there twice.
    """
    rows, keys = 0, array("Q")
    try:
        for part in csv.parts(path, {column.name: _arrow_type(column) for column in DATA}):
            if Check(DATA).add(part).found:
                raise csv.NotPlain("a breach")
            keys.frombytes(pd.util.hash_array(part[KEY].array).tobytes())
            rows += len(part)
            yield part
        if not rows or _twice(keys).size:
            raise csv.NotPlain("no rows, or a duplicate")
    except csv.NotPlain:
        # pandas has the last word on what a file says, and whole-file checks on what is wrong with it.
        _check_parts(path)
        yield from _parts_after(path, rows)


def _arrow_type(column: Column) -> Any:
    if column.kind == "number":
        return csv.NUMBER
    return csv.CATEGORY if column.kind == "text" and not column.unique else csv.TEXT


def _twice(hashes: "array[int]") -> np.ndarray:
    """Those that occur more than once; puts them in order."""
    ordered = np.asarray(hashes)
    ordered.sort()
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def _check_parts(path: Path) -> None:
    """Raises ContractBreach, as `read_data` would, holding a part at a time."""
    keys = array("Q")
    for part in _parts(path):
        if KEY in part:
            keys.frombytes(pd.util.hash_array(part[KEY].array).tobytes())
    check = Check(DATA, _Repeated(_twice(keys)))
    for part in _parts(path):
        check.add(part)
    check.end(file_name(path))


def _parts_after(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    """The parts of a good file, without its first rows."""
    for part in _parts(path):
        if len(part) > rows:
            yield conformed(part[rows:], DATA)
        rows = max(0, rows - len(part))


def _parts(path: Path) -> Iterator[pd.DataFrame]:
    with open_csv(path, DATA, chunksize=PART_ROWS) as reader, csv_errors(path):
        yield from reader


class _Repeated:
    """Which keys came before, in this part or in an earlier one; told of keys whose hash is among those."""

    def __init__(self, hashes: np.ndarray) -> None:
        self._hashes = hashes
        self._seen: set[str] = set()

    def __call__(self, keys: pd.Series) -> pd.Series:
        """Whether each key came before."""
        again = np.zeros(len(keys), dtype=bool)
        for row in np.flatnonzero(np.isin(pd.util.hash_array(keys.array), self._hashes)):
            again[row] = keys.iloc[row] in self._seen
            self._seen.add(keys.iloc[row])
        return pd.Series(again, keys.index)
