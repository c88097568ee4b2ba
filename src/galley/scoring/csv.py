"""CSV by pyarrow: read in parts, and written in pandas' own text, both several times as fast as pandas does it."""

import io
from collections.abc import Iterator, Mapping
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
TEXT = pa.string()


class NotPlain(Exception):
    """The file has something that pyarrow and pandas may take for different values. Read it with pandas."""


def parts(path: Path, types: Mapping[str, pa.DataType]) -> Iterator[pd.DataFrame]:
    """The rows in order, those of a part as a frame; an empty field is missing, and nothing else is.

    Raises NotPlain for whatever does not have exactly these columns and types. pyarrow's own reader of parts is not
    used: it reads up to 32 parts ahead, whether anybody can take them or not.
    """
    read, parse = csv.ReadOptions(use_threads=False), csv.ParseOptions(newlines_in_values=True)
    convert = csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True)
    try:
        for lines in _lines(path):
            read.block_size = len(lines) + 1  # all at once: what repeats in a column has one dictionary
            part = csv.read_csv(pa.BufferReader(lines), read, parse, convert)
            if sorted(part.column_names) != sorted(types):
                raise NotPlain("other columns")
            read.column_names = part.column_names
            if part.num_rows:
                yield _frame(part, list(types))
    except pa.ArrowInvalid as error:
        raise NotPlain(str(error)) from error


def _lines(path: Path) -> Iterator[bytes]:
    """The file's text in parts that end with a line. A line does not end between quotes."""
    rest = b""
    with path.open("rb") as file:
        while text := file.read(PART_BYTES):
            text = rest + text
            end = text.rfind(b"\n") + 1
            while text.count(b'"', 0, end) % 2:
                end = text.rfind(b"\n", 0, text.rfind(b'"', 0, end)) + 1
            rest = text[end:]
            if len(rest) > 2 * PART_BYTES:
                raise NotPlain("a line without end")
            if end:
                yield text[:end]
    if rest:
        yield rest


def _frame(part: pa.Table, names: list[str]) -> pd.DataFrame:
    """A part as a frame. Text that says NaN would become a missing number."""
    for column in part.columns:
        if pa.types.is_floating(column.type) and pc.any(pc.is_nan(column)).as_py():
            raise NotPlain("a number that is none")
    return part.select(names).to_pandas(use_threads=False)


def are_moments(texts: pd.Series) -> bool:
    """Whether all are a date, or a date and a time, as pyarrow reads them. It takes fewer for one than pandas does."""
    try:
        pc.cast(pa.array(texts.array), pa.timestamp("s"))
    except pa.ArrowInvalid:
        return False
    return True


def lines(frame: pd.DataFrame) -> bytes:
    """The rows as pandas writes them, without index and heading and with plain line ends."""
    columns = {name: _text(frame[name]) if frame[name].dtype == float else frame[name].array for name in frame}
    text = io.BytesIO()
    try:
        csv.write_csv(pa.table(columns), text, csv.WriteOptions(include_header=False, quoting_style="none"))
    except pa.ArrowInvalid:  # a value that needs quotes: which do and which do not, pandas knows
        return str(frame.to_csv(index=False, header=False, lineterminator="\n")).encode()
    return text.getvalue()


def _text(numbers: pd.Series) -> pa.Array:
    """Numbers as Python shows them. pyarrow does so too, but for whole numbers and those that need an exponent."""
    values = numbers.to_numpy()
    texts = pc.cast(pa.array(values, from_pandas=True), pa.string())
    others = ~((values >= 1e-4) & (values < 1) | np.isnan(values))
    if not others.any():
        return texts
    return pc.replace_with_mask(texts, pa.array(others), pa.array([repr(value) for value in values[others].tolist()]))
