"""Check: what is wrong with a table that comes in one part or in many, rule by rule, all of it in one table."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd

from galley.contract.breach import Breach, raise_breaches, rewrite
from galley.contract.columns import Column
from galley.contract.keys import Repeats, padded, repeats
from galley.contract.lines import Line

_NUMBER = r"[ \t]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t]*"
_MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}(:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?)?)?"


@dataclass(frozen=True)
class Rows:
    """A part of a table: its rows, the line of each, and the lines of the file that are no rows."""

    frame: pd.DataFrame
    lines: np.ndarray
    faults: list[Line] = field(default_factory=list)

    @classmethod
    def of(cls, frame: pd.DataFrame, faults: list[Line] | None = None) -> "Rows":
        """A whole table, which has the heading in line 1 when it is written."""
        return cls(frame, np.arange(2, 2 + len(frame)), faults or [])


def conformed(frame: pd.DataFrame, columns: tuple[Column, ...]) -> pd.DataFrame:
    """Rows that were checked, in the agreed columns and types."""
    types = {"text": "str", "moment": "str", "number": "float64", "flag": "float64"}
    frame = frame[[column.name for column in columns]].astype({column.name: types[column.kind] for column in columns})
    return frame.astype({column.name: "int64" for column in columns if column.kind == "flag"})


@dataclass(frozen=True)
class Finding:
    """Rows that break a rule: how many, the line of the first, and what to do."""

    column: str
    problem: str
    rows: int
    line: int
    value: str
    action: str = ""

    def breach(self, rows: int, name: str) -> Breach:
        """The breach among so many rows; a line as an editor counts it, with the heading as line 1."""
        where = f"in {self.rows} of {rows} rows, first in line {self.line}{self.value}"
        return Breach(self.column, f"{self.problem} {where}", self.rows, self.action or rewrite(name))


class Check:
    """What is wrong with a table that comes in one part or in many."""

    def __init__(self, columns: tuple[Column, ...], day: date | None = None, repeats: Repeats = repeats) -> None:
        self.found: dict[tuple[int, str], Finding] = {}
        self._columns = columns
        self._day = day
        self._repeats = repeats
        self._rows = 0
        self._names: list[str] = []

    def add(self, part: Rows) -> "Check":
        """Take a part into account."""
        self._names = list(part.frame)
        for line in part.faults:
            self._note(-1, Finding("", line.problem, 1, line.number, _shown(line.value)))
        for place, column in enumerate(self._columns):
            if self._names.count(column.name) == 1:
                for problem, bad, action in _rules(part.frame[column.name], column, self._day, self._repeats):
                    self._note(place, found_in(part, column.name, bad, problem, action))
        self._rows += len(part.frame) + len(part.faults)
        return self

    def end(self, name: str) -> None:
        """Raise ContractBreach, after showing a table of all that is wrong, if anything is."""
        values = [self.found[place].breach(self._rows, name) for place in sorted(self.found)]
        raise_breaches([*self._shape(name), *values], name)

    def _note(self, place: int, finding: Finding | None) -> None:
        if finding is not None:
            former = self.found.get((place, finding.problem))
            self.found[place, finding.problem] = replace(former, rows=former.rows + finding.rows) if former else finding

    def _shape(self, name: str) -> Iterator[Breach]:
        if not self._names and self.found:  # the heading cannot be read, which is in the table
            return
        agreed = [column.name for column in self._columns]
        for absent in [column for column in agreed if column not in self._names]:
            yield Breach(absent, "the column is missing", self._rows, rewrite(name))
        for extra in dict.fromkeys(column for column in self._names if column not in agreed):
            action = f"Drop the column from {name}, or agree on it: declare it in the contract."
            yield Breach(str(extra) or "(no name)", "the column is not in the contract", self._rows, action)
        for twice in [column for column in agreed if self._names.count(column) > 1]:
            yield Breach(twice, "the column is there more than once", self._rows, rewrite(name))
        if not self._rows:
            yield Breach("", "there are no rows", 0, rewrite(name))


def _rules(
    values: pd.Series, column: Column, day: date | None, repeats: Repeats
) -> Iterator[tuple[str, pd.Series, str]]:
    """What may be wrong with a column, in which rows it is, and what to do if it is not the usual."""
    given = values.notna()
    if column.kind in ("number", "flag"):
        numbers = _numbers(values)
        yield "not a number", given & numbers.isna(), ""
        if column.kind == "flag":
            yield "neither 0 nor 1", numbers.notna() & ~numbers.isin([0, 1]), ""
        else:
            yield _limits(column), numbers.notna() & ~numbers.between(column.low, column.high), ""
    if column.kind == "moment":
        moments = _moments(values)
        yield "not a date and time like 2026-11-23T06:15, without an offset", given & moments.isna(), ""
        if column.of_day and day:
            first = pd.Timestamp(day)
            other = moments.notna() & ~moments.between(first, first + timedelta(days=1), inclusive="left")
            yield f"not of {day}", other, "See whether the file of another day was delivered, and bring this day's."
    if column.kind in ("text", "moment"):
        yield "a line break", given & values.astype("str").str.contains("[\r\n]", regex=True, na=False), ""
    if column.unique:
        again, alike = repeats(values)
        yield "a duplicate", given & again, ""
        yield "a duplicate but for blanks and case", given & alike, ""
        yield "blanks before or after", padded(values), ""
    if not column.nullable:
        yield "missing", ~given, ""


def _limits(column: Column) -> str:
    bounded = (column.low, column.high) != (Column.low, Column.high)
    return f"not from {column.low:g} to {column.high:g}" if bounded else "not a finite number"


def _numbers(values: pd.Series) -> pd.Series:
    """The values as floats, NaN for what is not one: True, False, blanks, and texts that say infinity or NaN."""
    if pd.api.types.is_bool_dtype(values.dtype):
        return pd.Series(np.nan, index=values.index)
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.astype("float64")
    texts = values.astype("str")
    good = texts.str.fullmatch(_NUMBER, na=False)
    return texts.where(good).astype("float64")


def _moments(values: pd.Series) -> pd.Series:
    texts = values.astype("str")
    return pd.to_datetime(texts.where(texts.str.fullmatch(_MOMENT, na=False)), format="ISO8601", errors="coerce")


def found_in(part: Rows, column: str, bad: pd.Series, problem: str, action: str = "") -> Finding | None:
    """What is found if any row of a part is bad."""
    if not bad.any():
        return None
    first = int(np.argmax(bad.to_numpy()))
    value = part.frame[column].iloc[first]
    shown = "" if pd.isna(value) else _shown(str(value))
    return Finding(column, problem, int(bad.sum()), int(part.lines[first]), shown, action)


def _shown(value: str) -> str:
    return f": {value[:40]!r}" if value else ""
