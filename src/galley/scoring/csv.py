"""CSV by pyarrow: written in pandas' own text, several times as fast as pandas does it."""

import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv


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
