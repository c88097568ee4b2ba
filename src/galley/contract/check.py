"""Check: what is wrong with a table that comes in one part or in many, rule by rule."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from galley.contract.breach import Breach, raise_breaches, rewrite
from galley.contract.columns import Column


def conformed(frame: pd.DataFrame, columns: tuple[Column, ...]) -> pd.DataFrame:
    """Rows that were checked, in the agreed columns and types."""
    types = {"text": "str", "moment": "str", "number": "float64", "flag": "int64"}
    return frame[[column.name for column in columns]].astype({column.name: types[column.kind] for column in columns})


@dataclass(frozen=True)
class Finding:
    """Rows that break a rule: how many, and the first of them."""

    column: str
    problem: str
    rows: int
    first: int
    value: str

    def breach(self, rows: int, action: str) -> Breach:
        """The breach among so many rows; a line as an editor counts it, with the heading as line 1."""
        where = f"in {self.rows} of {rows} rows, first in line {self.first + 2}{self.value}"
        return Breach(self.column, f"{self.problem} {where}", self.rows, action)


class Check:
    """What is wrong with a table that comes in one part or in many."""

    def __init__(
        self, columns: tuple[Column, ...], repeated: Callable[[pd.Series], pd.Series] = pd.Series.duplicated
    ) -> None:
        self.found: dict[tuple[int, int], Finding] = {}
        self._columns = columns
        self._repeated = repeated
        self._rows = 0
        self._names: list[str] = []

    def add(self, part: pd.DataFrame) -> "Check":
        """Take a part into account."""
        self._names = list(part)
        for place, column in enumerate(self._columns):
            if column.name not in part:
                continue
            for rule, (problem, bad) in enumerate(_rules(part[column.name], column, self._repeated)):
                self._note((place, rule), found_in(part[column.name], bad, problem, self._rows))
        self._rows += len(part)
        return self

    def end(self, name: str) -> None:
        """Raise ContractBreach, after showing a table of all that is wrong, if anything is."""
        raise_breaches(list(self._shape(name)), name)
        raise_breaches([self.found[place].breach(self._rows, rewrite(name)) for place in sorted(self.found)], name)

    def _note(self, place: tuple[int, int], finding: Finding | None) -> None:
        former = self.found.get(place)
        if finding is not None:
            self.found[place] = replace(former, rows=former.rows + finding.rows) if former else finding

    def _shape(self, name: str) -> Iterator[Breach]:
        agreed = [column.name for column in self._columns]
        for absent in [column for column in agreed if column not in self._names]:
            yield Breach(absent, "the column is missing", self._rows, rewrite(name))
        for extra in [column for column in self._names if column not in agreed]:
            action = f"Drop the column from {name}, or agree on it: declare it in the contract."
            yield Breach(str(extra), "the column is not in the contract", self._rows, action)
        if not self._rows:
            yield Breach("", "there are no rows", 0, rewrite(name))


def _rules(
    values: pd.Series, column: Column, repeated: Callable[[pd.Series], pd.Series]
) -> Iterator[tuple[str, pd.Series]]:
    """What may be wrong with a column, and in which rows it is."""
    given = values.notna()
    if column.kind in ("number", "flag"):
        numbers = _numbers(values)
        yield "not a number", given & numbers.isna()
        if column.kind == "number":
            outside = numbers.notna() & ~numbers.between(column.low, column.high)
            yield f"not from {column.low:g} to {column.high:g}", outside
        else:
            yield "neither 0 nor 1", numbers.notna() & ~numbers.isin([0, 1])
    if column.kind == "moment":
        moments = pd.to_datetime(values, format="ISO8601", errors="coerce")
        yield "no date and time like 2026-11-23T06:15", given & moments.isna()
    if column.unique:
        yield "a duplicate", given & repeated(values)
    if not column.nullable:
        yield "missing", ~given


def _numbers(values: pd.Series) -> pd.Series:
    """The values as floats, NaN for what is none. True and False are none: to_numeric would take them for 1 and 0."""
    if values.dtype == bool:
        return pd.Series(np.nan, index=values.index)
    return pd.to_numeric(values, errors="coerce").astype("float64")


def found_in(values: pd.Series, bad: pd.Series, problem: str, before: int = 0) -> Finding | None:
    """What is found if any row is bad, of a part with so many rows before it."""
    if not bad.any():
        return None
    first = int(np.argmax(bad.to_numpy()))
    value = "" if pd.isna(values.iloc[first]) else f": {str(values.iloc[first])[:40]!r}"
    return Finding(str(values.name), problem, int(bad.sum()), before + first, value)
