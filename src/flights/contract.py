"""The contract: which columns data.csv and target.csv have, and what is said when a file does not keep to it.

A table of columns and one function a rule. A schema library was weighed and left out: what a reviewer needs from a
breach is the file, the column, the rows and the next action in one line, and that line would be ours in any case.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from galley.errors import ContractBreach

TARGET = "late"
KEY = "flight_id"
LATE_FROM_MINUTES = 15
"""A flight is late when it arrives so many minutes after its schedule: the industry's line of "on time"."""


@dataclass(frozen=True)
class Column:
    """One agreed column. Limits are inclusive; a nullable column may even be missing in all rows."""

    name: str
    kind: Literal["text", "number", "flag", "moment"]
    help: str
    nullable: bool = False
    low: float = -np.inf
    high: float = np.inf
    unique: bool = False


DATA = (
    Column(KEY, "text", "which flight of which day: carrier, number, origin and day", unique=True),
    Column("scheduled_departure", "moment", "scheduled departure, local time"),
    Column("carrier", "text", "airline, two-letter code"),
    Column("origin", "text", "airport of departure"),
    Column("dest", "text", "airport of arrival"),
    Column("hour", "number", "hour of the scheduled departure", low=0, high=23),
    Column("departure_minute", "number", "scheduled departure, minutes after midnight", low=0, high=1439),
    Column("arrival_minute", "number", "scheduled arrival, minutes after midnight there", low=0, high=1439),
    Column("distance", "number", "miles between the airports", low=1, high=12_500),
    Column("temp", "number", "temperature at the origin, °F", nullable=True, low=-130, high=140),
    Column("dewp", "number", "dew point, °F", nullable=True, low=-150, high=110),
    Column("humid", "number", "relative humidity, %", nullable=True, low=0, high=100),
    Column("wind_dir", "number", "wind direction, degrees", nullable=True, low=0, high=360),
    Column("wind_speed", "number", "wind speed, mph", nullable=True, low=0, high=250),
    Column("wind_gust", "number", "gust speed, mph", nullable=True, low=0, high=300),
    Column("precip", "number", "precipitation, inches in the hour", nullable=True, low=0, high=20),
    Column("pressure", "number", "sea level pressure, millibars", nullable=True, low=850, high=1100),
    Column("visib", "number", "visibility, miles", nullable=True, low=0, high=100),
    Column("plane_age", "number", "years since the plane was built", nullable=True, low=0, high=120),
    Column("plane_engines", "number", "engines of the plane", nullable=True, low=1, high=12),
    Column("plane_seats", "number", "seats of the plane", nullable=True, low=1, high=1000),
    Column("plane_manufacturer", "text", "who built the plane", nullable=True),
)
LABELS = (
    Column(KEY, "text", "the flight, as in data.csv", unique=True),
    Column(TARGET, "flag", f"1 if it arrived {LATE_FROM_MINUTES} minutes late or more, else 0"),
)
LABELLED = (*DATA, LABELS[1])


class Batch(NamedTuple):
    """What one day brings: the rows, their targets, and how many flights were left out, by reason."""

    data: pd.DataFrame
    target: pd.DataFrame
    left_out: dict[str, int]


class Breach(NamedTuple):
    """One way in which a file does not keep to the contract."""

    column: str
    problem: str
    rows: int
    action: str


def read_data(path: Path) -> pd.DataFrame:
    """Read a day's data.csv and check it. Raises ContractBreach."""
    return _read(path, DATA)


def read_target(path: Path) -> pd.DataFrame:
    """Read a day's target.csv and check it. Raises ContractBreach."""
    return _read(path, LABELS)


def read_labelled(path: Path) -> pd.DataFrame:
    """Read rows with their target, as train_data.csv, train.csv and val.csv hold them, and check them."""
    return _read(path, LABELLED)


def check_data(frame: pd.DataFrame, name: str = "data.csv") -> pd.DataFrame:
    """The rows as agreed, numbers as floats. Raises ContractBreach, after showing a table of all that is wrong."""
    return _checked(frame, DATA, name)


def check_target(frame: pd.DataFrame, name: str = "target.csv") -> pd.DataFrame:
    """The targets as agreed, `late` as integers. Raises ContractBreach like `check_data`."""
    return _checked(frame, LABELS, name)


def check_pair(data: pd.DataFrame, target: pd.DataFrame, name: str = "data.csv and target.csv") -> None:
    """Raises ContractBreach unless both are about the same flights."""
    action = "Write both files anew, together: run generate_data for the day."
    found = [
        (_found(data[KEY], ~data[KEY].isin(target[KEY]), "in the data but not in the targets"), len(data)),
        (_found(target[KEY], ~target[KEY].isin(data[KEY]), "in the targets but not in the data"), len(target)),
    ]
    _raise([finding.breach(rows, action) for finding, rows in found if finding], name)


def check_classes(late: pd.Series, name: str) -> None:
    """Raises ContractBreach unless there are two late flights and two on time: a model cannot learn from fewer."""
    counts = {label: int((late == label).sum()) for label in (0, 1)}
    rare = min(counts, key=lambda label: counts[label])
    if counts[rare] < 2:
        problem = f"only one class to learn from: {counts[1]} rows are late and {counts[0]} on time"
        _raise([Breach(TARGET, problem, len(late), "Train on more days: raise train_days.")], name)


def check_varied(features: pd.DataFrame, name: str) -> None:
    """Raises ContractBreach if no column has two values, missing counted as one: rows that are alike teach nothing."""
    if not any(features[column].nunique(dropna=False) > 1 for column in features):
        problem = "nothing to learn from: each has one value in all rows, or none"
        action = "Look at the source of the data, or train on more days: raise train_days."
        _raise([Breach("all features", problem, len(features), action)], name)


def _read(path: Path, columns: tuple[Column, ...]) -> pd.DataFrame:
    return _checked(open_csv(path, columns), columns, file_name(path))


def open_csv(path: Path, columns: tuple[Column, ...], **options: Any) -> Any:
    """What pandas reads of a file; `options` are read_csv's. Raises ContractBreach for what is no CSV."""
    texts = {column.name: "str" for column in columns if column.kind in ("text", "moment")}
    with csv_errors(path):
        # Only an empty field is missing: "NA" or "None" in a text is a text.
        return pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""], low_memory=False, **options)


@contextmanager
def csv_errors(path: Path) -> Iterator[None]:
    """What pandas raises of a file that is no CSV becomes ContractBreach."""
    name = file_name(path)
    try:
        yield
    except pd.errors.EmptyDataError:
        raise ContractBreach(f"{name}: the file is empty. {_rewrite(name)}") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ContractBreach(f"{name}: no CSV in UTF-8 ({str(error).strip()}). {_rewrite(name)}") from None


def file_name(path: Path) -> str:
    """What a breach calls a file: its day and name, and the folder of that."""
    return "/".join(path.parts[-3:])


def _checked(frame: pd.DataFrame, columns: tuple[Column, ...], name: str) -> pd.DataFrame:
    Check(columns).add(frame).end(name)
    return conformed(frame, columns)


def conformed(frame: pd.DataFrame, columns: tuple[Column, ...]) -> pd.DataFrame:
    """Rows that were checked, in the agreed columns and types."""
    types = {"text": "str", "moment": "str", "number": "float64", "flag": "int64"}
    return frame[[column.name for column in columns]].astype({column.name: types[column.kind] for column in columns})


@dataclass(frozen=True)
class _Finding:
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
        self.found: dict[tuple[int, int], _Finding] = {}
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
                self._note((place, rule), _found(part[column.name], bad, problem, self._rows))
        self._rows += len(part)
        return self

    def end(self, name: str) -> None:
        """Raise ContractBreach, after showing a table of all that is wrong, if anything is."""
        _raise(list(self._shape(name)), name)
        _raise([self.found[place].breach(self._rows, _rewrite(name)) for place in sorted(self.found)], name)

    def _note(self, place: tuple[int, int], finding: _Finding | None) -> None:
        former = self.found.get(place)
        if finding is not None:
            self.found[place] = replace(former, rows=former.rows + finding.rows) if former else finding

    def _shape(self, name: str) -> Iterator[Breach]:
        agreed = [column.name for column in self._columns]
        for absent in [column for column in agreed if column not in self._names]:
            yield Breach(absent, "the column is missing", self._rows, _rewrite(name))
        for extra in [column for column in self._names if column not in agreed]:
            action = f"Drop the column from {name}, or agree on it in src/flights/contract.py."
            yield Breach(str(extra), "the column is not in the contract", self._rows, action)
        if not self._rows:
            yield Breach("", "there are no rows", 0, _rewrite(name))


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


def _found(values: pd.Series, bad: pd.Series, problem: str, before: int = 0) -> _Finding | None:
    """What is found if any row is bad, of a part with so many rows before it."""
    if not bad.any():
        return None
    first = int(np.argmax(bad.to_numpy()))
    value = "" if pd.isna(values.iloc[first]) else f": {str(values.iloc[first])[:40]!r}"
    return _Finding(str(values.name), problem, int(bad.sum()), before + first, value)


def _rewrite(name: str) -> str:
    return f"Mend what wrote {name} and run that again for the day."


def _raise(breaches: list[Breach], name: str) -> None:
    """Show what is wrong as a table, for the notebook, and raise it as one error, for the log."""
    if not breaches:
        return
    _show(breaches)
    facts = [": ".join(filter(None, (name, breach.column, breach.problem))) for breach in breaches]
    raise ContractBreach("\n".join([*facts, *dict.fromkeys(breach.action for breach in breaches)]))


def _show(breaches: list[Breach]) -> None:
    # Imported here: only a kernel has IPython's display, and tests and scripts have no use for it.
    from IPython.display import display

    with pd.option_context("display.max_colwidth", None):
        display(pd.DataFrame(breaches))
