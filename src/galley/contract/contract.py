"""Contract: the columns that a file of a project has, declared once; it reads files and checks frames by them.

    DATA = Contract(Column("id", "text", "which row", unique=True), Column("age", "number", "years", nullable=True))
    frame = DATA.read(path)              # whole
    for part in DATA.parts(path): ...    # in bounded memory, whatever the file's length
    frame = DATA.check(frame, "data.csv")

A schema library was weighed and left out: what a reviewer needs from a breach is the file, the column, the rows and the
next action in one line, and that line would be ours in any case.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from galley.contract import parts
from galley.contract.breach import raise_breaches
from galley.contract.check import Check, Rows, conformed, found_in
from galley.contract.columns import Column


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

    def check(self, frame: pd.DataFrame, name: str, day: date | None = None) -> pd.DataFrame:
        """The rows as agreed, numbers as floats and flags as integers; with `day`, they are of that day.

        Raises ContractBreach, after showing a table of all that is wrong with what messages call `name`.
        """
        Check(self.columns, day).add(Rows.of(frame)).end(name)
        return conformed(frame, self.columns)

    def read(self, path: Path, day: date | None = None) -> pd.DataFrame:
        """Read a CSV file and check it: each line is a row, whole and in UTF-8. Raises ContractBreach."""
        return pd.concat(parts.parts(path, self.columns, day, categories=False), ignore_index=True)

    def parts(self, path: Path, day: date | None = None) -> Iterator[pd.DataFrame]:
        """A CSV file as `read` gives it, in parts, so that one of any length can be read.

        What repeats in a column of texts is categorical. Raises ContractBreach like `read`, but for some of what is
        wrong only at the end: whatever is made of the parts must not count before.
        """
        return parts.parts(path, self.columns, day, categories=True)

    def check_pair(self, data: pd.DataFrame, target: pd.DataFrame, name: str) -> None:
        """Raises ContractBreach unless both are about the same keys."""
        key, action = self.key, "Write both files anew, together: run what writes them again for the day."
        found = [
            (
                found_in(Rows.of(some), key, ~some[key].isin(other[key]), f"in the {one} but not in the {two}", action),
                some,
            )
            for some, other, one, two in ((data, target, "data", "targets"), (target, data, "targets", "data"))
        ]
        raise_breaches([finding.breach(len(some), name) for finding, some in found if finding], name)
