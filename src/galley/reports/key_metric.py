"""A key_metric: the one number of a DAG that is watched over the days, and how it went."""

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from galley.reports.index import Index

POINTS = 12
"""Days of a trend."""
REACH = 100
"""Calendar days with reports that a trend looks back: three months of a weekly DAG."""


@dataclass(frozen=True)
class KeyMetric:
    """A number's name, as in validate.roc_auc, its value on a day, and the values up to it, oldest first."""

    name: str
    value: float
    trend: tuple[float, ...]


def key_metric(index: Index, ds: str, dag_id: str, names: Sequence[str], days: Sequence[str]) -> KeyMetric | None:
    """The first of `names` that the DAG concluded on that day; `days` are those there are, newest first."""
    name = next((name for name in names if value_of(index, ds, dag_id, name) is not None), None)
    if name is None:
        return None
    looked = islice((day for day in days if day <= ds), REACH)
    values = (value_of(index, day, dag_id, name) for day in looked if index.has(day, dag_id))
    trend = [*islice((value for value in values if value is not None), POINTS)]
    return KeyMetric(name, trend[0], tuple(reversed(trend)))


def value_of(index: Index, ds: str, dag_id: str, name: str) -> float | None:
    """The value of a metric, as in validate.roc_auc; without a stage, of the first stage that has one of that name."""
    stage, _, key = name.rpartition(".")
    numbers = index.numbers(ds, dag_id)
    stages = [numbers.get(stage)] if stage else numbers.values()
    values = (_number(concluded.get(key)) for concluded in stages if isinstance(concluded, dict))
    return next((value for value in values if value is not None), None)


def _number(value: object) -> float | None:
    """The value if it is a number that can be drawn."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    with suppress(OverflowError):  # an integer of a thousand digits
        return float(value) if math.isfinite(value) else None
    return None
