"""Plain: CSV as most files have it, read in parts by pyarrow. What is not plain for certain is left to `careful`."""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

PART_BYTES = 4 << 20
"""Text of a part: some 28,000 rows of 22 columns. In smaller ones, what pandas does for each part is felt."""

CATEGORY = pa.dictionary(pa.int32(), pa.string())
NUMBER = pa.float64()
FLAG = pa.int64()
TEXT = pa.string()

_EDGES = np.frombuffer(b',\r\n"', "uint8")
_SLICE = 1 << 18
"""Bytes that a processor has at hand."""
_BOM = b"\xef\xbb\xbf"


class NotPlain(Exception):
    """The file has something that only a careful look can tell a fault from."""


def parts(path: Path, types: Mapping[str, pa.DataType]) -> Iterator[pd.DataFrame]:
    """The rows in order, those of a part as a frame; an empty field is missing, and nothing else is.

    Raises NotPlain unless the columns are these, each line is a row that has a field for each of them, quotes stand at
    the ends of a field, and the last line has an end. pyarrow's own reader of parts is not used: it reads up to 32
    parts ahead, whether anybody can take them or not.
    """
    read, parse = csv.ReadOptions(use_threads=False), csv.ParseOptions(newlines_in_values=True)
    convert = csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True)
    try:
        for lines in _lines(path):
            _require_plain(lines)
            read.block_size = len(lines) + 1  # all at once: what repeats in a column has one dictionary
            part = csv.read_csv(pa.BufferReader(lines), read, parse, convert)
            if sorted(part.column_names) != sorted(types):
                raise NotPlain("other columns")
            if not _has_rows(lines, part.num_rows + (not read.column_names)):
                raise NotPlain("other rows than lines")
            read.column_names = part.column_names
            if part.num_rows:
                yield _frame(part, list(types))
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise NotPlain(str(error)) from error


def _lines(path: Path) -> Iterator[bytes]:
    """The file's text in parts that end with a line."""
    rest, begun = b"", False
    with path.open("rb") as file:
        while text := file.read(PART_BYTES):
            text = rest + text
            end = text.rfind(b"\n") + 1
            rest = text[end:]
            if len(rest) > 2 * PART_BYTES or (begun and text.startswith(_BOM)):  # pyarrow would leave the mark out
                raise NotPlain("a line without end, or a mark of the byte order in a row")
            if end:
                begun = True
                yield text[:end]
    if rest:
        raise NotPlain("the last line has no end")


def _require_plain(lines: bytes) -> None:
    """Raises NotPlain for NUL, and unless each quote opens or closes a field that is on one line."""
    if b"\0" in lines:
        raise NotPlain("NUL")
    if b'"' not in lines:
        return
    text = np.frombuffer(b"\n" + lines, "uint8")  # so that there is always something before a quote
    quotes = np.flatnonzero(text == ord('"'))
    opening, closing = quotes[::2], quotes[1::2]
    if len(opening) != len(closing):
        raise NotPlain("a quote too many")
    if not (np.isin(text[opening - 1], _EDGES).all() and np.isin(text[closing + 1], _EDGES).all()):
        raise NotPlain("a quote within a field")
    breaks = np.flatnonzero((text == ord("\n")) | (text == ord("\r")))
    if (np.searchsorted(quotes, breaks) % 2).any():
        raise NotPlain("a line break between quotes")


def _has_rows(lines: bytes, rows: int) -> bool:
    """Whether there are so many lines that are not empty."""
    text = np.frombuffer(lines, "uint8")
    slices = (text[start : start + _SLICE] for start in range(0, len(text), _SLICE))
    ends = sum(int(np.count_nonzero(some == ord("\n"))) for some in slices)
    return ends == rows or sum(map(bool, lines.splitlines())) == rows


def _frame(part: pa.Table, names: list[str]) -> pd.DataFrame:
    """A part as a frame. Text that says NaN would become a missing number."""
    for column in part.columns:
        if pa.types.is_floating(column.type) and pc.any(pc.is_nan(column)).as_py():
            raise NotPlain("a number that is none")
    return part.select(names).to_pandas(use_threads=False)


def are_moments(texts: pd.Series, day: date | None) -> bool:
    """Whether all are a date, or a date and a time, as pyarrow reads them (it takes fewer than pandas), of the day."""
    try:
        moments = pc.cast(pa.array(texts.array), pa.timestamp("s"))
    except pa.ArrowInvalid:
        return False
    span = pc.min_max(moments).as_py().values() if day else ()
    return all(moment is None or moment.date() == day for moment in span)
