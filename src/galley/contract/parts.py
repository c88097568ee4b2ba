"""Parts: a file in parts, so that one of any length is read and checked in bounded memory."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Any

import numpy as np
import pandas as pd

from galley.contract.check import Check, conformed
from galley.contract.columns import Column
from galley.contract.reading import csv_errors, file_name, open_csv
from galley.scoring import csv

PART_ROWS = 50_000
"""Rows that are held at a time where pandas reads the file."""

KEYS_AT_ONCE = 2_000_000
"""Of so many keys the hashes are held at a time, eight bytes each. Those of a longer file are in a temporary one."""


def parts(path: Path, columns: tuple[Column, ...]) -> Iterator[pd.DataFrame]:
    """See Contract.parts."""
    key = next(column.name for column in columns if column.unique)
    rows = 0
    try:
        with SpooledTemporaryFile(8 * KEYS_AT_ONCE) as hashes:
            for part in csv.parts(path, {column.name: _arrow_type(column) for column in columns}):
                if (
                    not all(_surely_keeps(part[column.name], column) for column in columns)
                    and Check(columns).add(part).found
                ):
                    raise csv.NotPlain("a breach")
                hashes.write(_hashed(part[key]).tobytes())
                rows += len(part)
                yield part
            if not rows or _twice(hashes).size:
                raise csv.NotPlain("no rows, or a duplicate")
    except csv.NotPlain:
        # pandas has the last word on what a file says, and whole-file checks on what is wrong with it.
        _check_parts(path, columns, key)
        yield from _parts_after(path, columns, rows)


def _surely_keeps(values: pd.Series, column: Column) -> bool:
    """Whether a column keeps to the contract for certain, but for duplicates: Check need not be asked of most parts."""
    if not column.nullable and values.isna().any():
        return False
    if column.kind == "number":
        numbers = values.to_numpy()
        return bool(
            np.fmin.reduce(numbers, initial=column.high) >= column.low
            and np.fmax.reduce(numbers, initial=column.low) <= column.high
        )
    return column.kind == "text" or csv.are_moments(values)


def _arrow_type(column: Column) -> Any:
    if column.kind == "number":
        return csv.NUMBER
    return csv.CATEGORY if column.kind == "text" and not column.unique else csv.TEXT


def _hashed(keys: pd.Series) -> np.ndarray:
    hashes: np.ndarray = pd.util.hash_array(keys.array, categorize=False)
    return hashes


def _twice(hashes: IO[bytes]) -> np.ndarray:
    """Those that are in the file more than once. They are taken in shares, so that memory does not grow with them."""
    shares = 1 + hashes.tell() // (8 * KEYS_AT_ONCE)
    return np.concatenate([_twice_in(hashes, share, shares) for share in range(shares)])


def _twice_in(hashes: IO[bytes], share: int, shares: int) -> np.ndarray:
    """The same of one of so many shares. Equal hashes are in one."""
    hashes.seek(0)
    some = [np.empty(0, "uint64")]
    while piece := hashes.read(8 * KEYS_AT_ONCE):
        read = np.frombuffer(piece, "uint64")
        some.append(read[read % shares == share])
    ordered = np.sort(np.concatenate(some))
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def _check_parts(path: Path, columns: tuple[Column, ...], key: str) -> None:
    """Raises ContractBreach, as reading the whole would, holding a part at a time."""
    with SpooledTemporaryFile(8 * KEYS_AT_ONCE) as hashes:
        for part in _parts(path, columns):
            if key in part:
                hashes.write(_hashed(part[key]).tobytes())
        check = Check(columns, _Repeated(_twice(hashes)))
    for part in _parts(path, columns):
        check.add(part)
    check.end(file_name(path))


def _parts_after(path: Path, columns: tuple[Column, ...], rows: int) -> Iterator[pd.DataFrame]:
    """The parts of a good file, without its first rows."""
    for part in _parts(path, columns):
        if len(part) > rows:
            yield conformed(part[rows:], columns)
        rows = max(0, rows - len(part))


def _parts(path: Path, columns: tuple[Column, ...]) -> Iterator[pd.DataFrame]:
    with open_csv(path, columns, chunksize=PART_ROWS) as reader, csv_errors(path):
        yield from reader


class _Repeated:
    """Which keys came before, in this part or in an earlier one; told of keys whose hash is among those."""

    def __init__(self, hashes: np.ndarray) -> None:
        self._hashes = hashes
        self._seen: set[str] = set()

    def __call__(self, keys: pd.Series) -> pd.Series:
        """Whether each key came before."""
        again = np.zeros(len(keys), dtype=bool)
        for row in np.flatnonzero(np.isin(_hashed(keys), self._hashes)):
            again[row] = keys.iloc[row] in self._seen
            self._seen.add(keys.iloc[row])
        return pd.Series(again, keys.index)
