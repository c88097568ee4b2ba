"""Slices, against a case made by hand."""

import numpy as np
import pandas as pd
import pytest

from galley.review.slicing import slices

ROWS = pd.DataFrame({"carrier": ["AA"] * 40 + ["UA"] * 40 + ["B6"] * 3, "hour": [6.0, 18.0] * 41 + [6.0]})
TARGET = np.array([1, 0] * 41 + [1])
OLD = np.full(83, 0.5)
NEW = np.where(ROWS["carrier"] == "AA", np.where(TARGET, 0.3, 0.7), np.where(TARGET, 0.9, 0.1))
NEW = NEW + np.linspace(-0.05, 0.05, 83)


@pytest.fixture
def found():
    return slices(ROWS, ["carrier", "hour"], TARGET, NEW, OLD, min_rows=10).set_index("slice")


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
    found = slices(ROWS, ["carrier"], TARGET, OLD, OLD, min_rows=1)
    assert not found["worse"].any()
