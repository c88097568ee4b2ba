"""Careful: what is wrong with a file, all of it, and the rows of one that is good but not plain; slow, and bounded."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from galley.contract.breach import file_name
from galley.contract.check import Check, Rows, conformed
from galley.contract.columns import Column
from galley.contract.keys import Hashes, RepeatsInParts
from galley.contract.lines import Line, lines

PART_ROWS = 20_000
"""Rows that are held at a time."""


def check(path: Path, columns: tuple[Column, ...], day: date | None) -> None:
    """Raises ContractBreach with all that is wrong with the file, holding a part at a time."""
    with Hashes() as hashes:
        for rows in _parts(path):
            for column in columns:
                if column.unique and column.name in rows.frame:
                    hashes.add(rows.frame[column.name])
        found = Check(columns, day, RepeatsInParts(hashes.twice()))
    for rows in _parts(path):
        found.add(rows)
    found.end(file_name(path))


def parts(path: Path, columns: tuple[Column, ...], skip: int) -> Iterator[pd.DataFrame]:
    """The parts of a file that was checked, without its first rows."""
    for rows in _parts(path):
        if len(rows.frame) > skip:
            yield conformed(rows.frame[skip:], columns)
        skip = max(0, skip - len(rows.frame))


def _parts(path: Path) -> Iterator[Rows]:
    """The rows as texts, an empty field missing, and the lines that are none; the heading alone, if there are none."""
    each = lines(path)
    heading = next(each, None)
    if heading is None:
        yield Rows.of(pd.DataFrame(), faults=[Line(1, [], "the file is empty")])
        return
    if heading.problem:
        yield Rows.of(pd.DataFrame(), faults=[heading])
        return
    some: list[Line] = []
    for line in each:
        some.append(_fitting(line, len(heading.fields)))
        if len(some) == PART_ROWS:
            yield _rows(heading.fields, some)
            some = []
    yield _rows(heading.fields, some)


def _fitting(line: Line, wanted: int) -> Line:
    found = len(line.fields)
    if found == wanted or (line.problem and not found):
        return line
    counted = f"{found} fields where the heading has {wanted}"
    if line.problem:
        return line._replace(problem=f"{line.problem}, with {counted}")
    return Line(line.number, [], counted, ",".join(line.fields))


def _rows(heading: list[str], some: list[Line]) -> Rows:
    good = [line for line in some if not line.problem]
    texts = pd.DataFrame([line.fields for line in good], columns=heading, dtype="str")
    numbers = np.array([line.number for line in good], dtype="int64")
    return Rows(texts.mask(texts == ""), numbers, [line for line in some if line.problem])
