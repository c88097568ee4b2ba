"""Slices, against a case made by hand."""

import numpy as np
import pandas as pd
import pytest

from galley.problems import Binary
from galley.review.slicing import slice_check, slices, worst_in_words

ROWS = pd.DataFrame({"carrier": ["AA"] * 40 + ["UA"] * 40 + ["B6"] * 3, "hour": [6.0, 18.0] * 41 + [6.0]})
TARGET = np.array([1, 0] * 41 + [1])
OLD = np.full(83, 0.5)
NEW = np.where(ROWS["carrier"] == "AA", np.where(TARGET, 0.3, 0.7), np.where(TARGET, 0.9, 0.1))
NEW = NEW + np.linspace(-0.05, 0.05, 83)


@pytest.fixture
def found():
    return slices(Binary(), ROWS, ["carrier", "hour"], TARGET, NEW, OLD, min_rows=10).set_index("slice")


def test_the_part_that_got_worse_comes_first_and_is_called_worse(found):
    assert found.index[0] == "carrier AA"
    assert list(found[found["worse"]].index) == ["carrier AA"]
    assert not found.loc["carrier UA", "worse"]


def test_its_numbers_are_those_of_its_rows(found):
    part = (ROWS["carrier"] == "AA").to_numpy()
    assert found.loc["carrier AA", "rows"] == 40
    assert found.loc["carrier AA", "new"] == pytest.approx(np.mean((NEW[part] - TARGET[part]) ** 2))
    assert found.loc["carrier AA", "old"] == 0.25
    assert found.loc["carrier AA", "gained"] == pytest.approx(0.25 - found.loc["carrier AA", "new"])
    assert found.loc["carrier AA", "gained"] < 0


def test_a_part_of_too_few_rows_is_left_out(found):
    assert set(found.index) == {"carrier AA", "carrier UA", "hour 6", "hour 18"}


def test_a_part_in_which_nothing_changed_is_not_worse():
    found = slices(Binary(), ROWS, ["carrier"], TARGET, OLD, OLD, min_rows=1)
    assert not found["worse"].any()


def test_any_expression_makes_slices():
    found = slices(Binary(), ROWS, {"late": ROWS.eval("hour > 12")}, TARGET, NEW, OLD, min_rows=1)
    assert set(found["slice"]) == {"not late", "late"}


def test_the_worst_slice_is_said_with_its_interval(found):
    worst = found.loc["carrier AA"]
    interval = f"({worst['low']:+.4f} to {worst['high']:+.4f})"
    said = worst_in_words(found.reset_index())
    assert said == f"Worst slice: carrier AA, 40 rows, gained {worst['gained']:+.4f} {interval}."
    assert worst_in_words(slices(Binary(), ROWS, ["hour"], TARGET, NEW, OLD, min_rows=99)).startswith("No slice has")


def test_a_slice_that_certainly_lost_more_than_the_limit_fails_its_check(found):
    certain = -found.loc["carrier AA", "high"]
    assert certain > 0
    assert slice_check(found, certain + 0.01, required=True).passed
    assert not slice_check(found, certain - 0.01).passed
    assert slice_check(found.loc[["carrier UA"]], 0.0).value == 0
