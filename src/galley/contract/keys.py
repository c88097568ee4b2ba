"""Keys: which ones come again in a file of any length, in bounded memory."""

from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

KEYS_AT_ONCE = 2_000_000
"""Of so many keys the hashes are held at a time, eight bytes each. Those of a longer file are in a temporary one."""

Repeats = Callable[[pd.Series], tuple[pd.Series, pd.Series]]
"""Which values of a part came before, and which differ from one that did by blanks and case alone."""


def normal(keys: pd.Series) -> np.ndarray:
    """The keys without blanks and in lower case: what two keys of one row would have in common."""
    array = pa.array(keys.array)
    if isinstance(array, pa.LargeStringArray) and not _has_blanks(array):
        lowered: np.ndarray = pc.ascii_lower(array).to_numpy(zero_copy_only=False)
        return lowered
    return np.array([key if pd.isna(key) else "".join(str(key).split()).lower() for key in keys], dtype=object)


def padded(texts: pd.Series) -> pd.Series:
    """Which texts begin or end with a blank."""
    array = pa.array(texts.array)
    if isinstance(array, pa.LargeStringArray) and not _has_blanks(array):
        return pd.Series(np.zeros(len(texts), dtype=bool), texts.index)
    words = texts[texts.notna()].astype("str")
    return (words != words.str.strip()).reindex(texts.index, fill_value=False)


def _has_blanks(texts: pa.LargeStringArray) -> bool:
    """Whether any character is a blank, or is not ASCII and may be one."""
    characters = texts.buffers()[-1]
    # As signed bytes those that are not ASCII are negative.
    return characters is not None and bool((np.frombuffer(characters, "int8") <= ord(" ")).any())


def repeats(keys: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Repeats of a whole column."""
    again = keys.duplicated() & keys.notna()
    alike = pd.Series(normal(keys), keys.index).duplicated() & keys.notna()
    return again, alike & ~again


class Hashes:
    """The hashes of all keys of a file, to find those that are there twice."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(8 * KEYS_AT_ONCE)  # noqa: SIM115 - it is closed with this

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()

    def add(self, keys: pd.Series) -> None:
        """Take a part's keys into account."""
        self._file.write(_hashed(normal(keys)).tobytes())

    def twice(self) -> np.ndarray:
        """Those that are there more than once. They are taken in shares, so that memory does not grow with them."""
        shares = 1 + self._file.tell() // (8 * KEYS_AT_ONCE)
        return np.concatenate([self._twice_in(share, shares) for share in range(shares)])

    def _twice_in(self, share: int, shares: int) -> np.ndarray:
        """The same of one of so many shares. Equal hashes are in one."""
        self._file.seek(0)
        some = [np.empty(0, "uint64")]
        while piece := self._file.read(8 * KEYS_AT_ONCE):
            read = np.frombuffer(piece, "uint64")
            some.append(read[read % shares == share])
        ordered = np.sort(np.concatenate(some))
        return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


class RepeatsInParts:
    """Repeats of a column that comes in parts: given which hashes are there twice, it remembers only those keys."""

    def __init__(self, twice: np.ndarray) -> None:
        self._twice = twice
        self._seen: dict[str, set[str]] = {}

    def __call__(self, keys: pd.Series) -> tuple[pd.Series, pd.Series]:
        """See Repeats."""
        again, alike = np.zeros(len(keys), dtype=bool), np.zeros(len(keys), dtype=bool)
        shared = normal(keys)
        for row in np.flatnonzero(np.isin(_hashed(shared), self._twice) & keys.notna().to_numpy()):
            former = self._seen.setdefault(shared[row], set())
            again[row], alike[row] = keys.iloc[row] in former, bool(former) and keys.iloc[row] not in former
            former.add(keys.iloc[row])
        return pd.Series(again, keys.index), pd.Series(alike, keys.index)


def _hashed(keys: np.ndarray) -> np.ndarray:
    hashes: np.ndarray = pd.util.hash_array(keys, categorize=False)
    return hashes
