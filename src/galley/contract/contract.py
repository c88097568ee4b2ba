"""Contract: the columns that a file of a project has, declared once; it reads files and checks frames by them.

    DATA = Contract(Column("id", "text", "which row", unique=True), Column("temp", "number", "°F", nullable=True))
    frame = DATA.read(path)              # whole
    for part in DATA.parts(path): ...    # in bounded memory, whatever the file's length
    frame = DATA.check(frame, "data.csv")

A schema library was weighed and left out: what a reviewer needs from a breach is the file, the column, the rows and the
next action in one line, and that line would be ours in any case.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from galley.contract import parts
from galley.contract.breach import raise_breaches
from galley.contract.check import Check, conformed, found_in
from galley.contract.columns import Column
from galley.contract.reading import file_name, open_csv


@dataclass(frozen=True, init=False)
class Contract:
    """What was agreed of a table: its columns, one of which may be the key (`unique`)."""

    columns: tuple[Column, ...]

    def __init__(self, *columns: Column) -> None:
        object.__setattr__(self, "columns", columns)

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __add__(self, more: "Contract") -> "Contract":
        """The contract of rows that have the columns of both."""
        return Contract(*self, *(column for column in more if column.name not in self.names))

    @property
    def names(self) -> list[str]:
        """The columns' names, in the agreed order."""
        return [column.name for column in self]

    @property
    def key(self) -> str:
        """The column that names a row. Raises StopIteration if none is unique."""
        return next(column.name for column in self if column.unique)

    def check(self, frame: pd.DataFrame, name: str) -> pd.DataFrame:
        """The rows as agreed, numbers as floats and flags as integers.

        Raises ContractBreach, after showing a table of all that is wrong with what messages call `name`.
        """
        Check(self.columns).add(frame).end(name)
        return conformed(frame, self.columns)

    def read(self, path: Path) -> pd.DataFrame:
        """Read a CSV file and check it. Raises ContractBreach."""
        return self.check(open_csv(path, self.columns), file_name(path))

    def parts(self, path: Path) -> Iterator[pd.DataFrame]:
        """A CSV file as `read` gives it, in parts, so that one of any length can be read.

        What repeats in a column of texts is categorical. Raises ContractBreach like `read`, but for some of what is
        wrong only at the end: whatever is made of the parts must not count before.
        """
        return parts.parts(path, self.columns)

    def check_pair(self, data: pd.DataFrame, target: pd.DataFrame, name: str) -> None:
        """Raises ContractBreach unless both are about the same keys."""
        key, action = self.key, "Write both files anew, together: run what writes them again for the day."
        found = [
            (found_in(data[key], ~data[key].isin(target[key]), "in the data but not in the targets"), len(data)),
            (found_in(target[key], ~target[key].isin(data[key]), "in the targets but not in the data"), len(target)),
        ]
        raise_breaches([finding.breach(rows, action) for finding, rows in found if finding], name)
