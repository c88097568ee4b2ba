"""The contract: each breach is named with file, column, rows and the next action."""

import numpy as np
import pandas as pd
import pytest

from flights.contract import DATA, LABELS
from galley.contract import check_classes, check_varied
from galley.errors import ContractBreach


def spoil(column, value, row=0):
    """The data with one value replaced, whatever its type."""

    def apply(data):
        data[column] = data[column].astype(object)
        data.loc[row, column] = value
        return data

    return apply


BREACHES = {
    "no rows": (lambda data: data[:0], "there are no rows"),
    "missing column": (lambda data: data.drop(columns="carrier"), "carrier: the column is missing"),
    "extra column": (lambda data: data.assign(dep_delay=1), "dep_delay: the column is not in the contract"),
    "text in a number": (
        spoil("distance", "far"),
        "distance: not a number in 1 of 300 rows, first in line 2: 'far'",
    ),
    "truth in a number": (lambda data: data.assign(distance=True), "distance: not a number in 300 of 300 rows"),
    "number below its range": (spoil("hour", -1.0, row=4), "hour: not from 0 to 23 in 1 of 300 rows, first in line 6"),
    "number above its range": (spoil("humid", 101.0), "humid: not from 0 to 100"),
    "a number far above its range": (spoil("temp", 1e9), "temp: not from -130 to 140"),
    "missing value": (spoil("origin", None), "origin: missing in 1 of 300 rows"),
    "no moment": (spoil("scheduled_departure", "noon"), "scheduled_departure: not a date and time like"),
    "duplicate": (
        lambda data: pd.concat([data, data[:2]]),
        "flight_id: a duplicate in 2 of 302 rows, first in line 302",
    ),
}


@pytest.mark.parametrize("case", BREACHES)
def test_a_breach_is_told_with_file_column_rows_and_what_to_do(data, case):
    spoil_it, told = BREACHES[case]
    with pytest.raises(ContractBreach) as breach:
        DATA.check(spoil_it(data.copy()), "raw/2026-11-23/data.csv")
    assert f"raw/2026-11-23/data.csv: {told}" in str(breach.value)
    assert str(breach.value).splitlines()[-1].startswith(("Fix ", "Drop "))


def test_good_data_passes_with_its_columns_in_the_agreed_order(data):
    shuffled = data[data.columns[::-1]]
    assert list(DATA.check(shuffled, "data.csv")) == DATA.names


def test_all_breaches_are_told_at_once_and_shown_as_a_table(data, capsys):
    data.loc[:1, "distance"] = -5.0
    data.loc[2, "flight_id"] = data.loc[3, "flight_id"]
    with pytest.raises(ContractBreach, match="flight_id: a duplicate") as breach:
        DATA.check(data, "data.csv")
    assert "distance: not from 1 to 12500 in 2 of 300 rows" in str(breach.value)
    assert str(breach.value).count("Fix what wrote data.csv") == 1
    assert "flight_id" in capsys.readouterr().out


@pytest.mark.parametrize("column", [c.name for c in DATA if c.nullable])
def test_a_nullable_column_may_be_missing_in_all_rows(data, column):
    assert DATA.check(data.assign(**{column: np.nan}), "data.csv")[column].isna().all()


@pytest.mark.parametrize("value", [0.5, 2, -1])
def test_a_target_is_zero_or_one(batch, value):
    target = batch.target.astype({"late": "float64"})
    target.loc[0, "late"] = value
    with pytest.raises(ContractBreach, match="late: neither 0 nor 1 in 1 of 300 rows"):
        LABELS.check(target, "target.csv")


def test_a_missing_target_is_a_breach(batch):
    with pytest.raises(ContractBreach, match="late: missing in 300 of 300 rows"):
        LABELS.check(batch.target.assign(late=np.nan), "target.csv")


def test_data_and_target_are_about_the_same_flights(batch):
    DATA.check_pair(batch.data, batch.target, "both")
    with pytest.raises(ContractBreach, match="flight_id: in the targets but not in the data in 2 of 300 rows"):
        DATA.check_pair(batch.data[2:], batch.target, "both")
    with pytest.raises(ContractBreach, match="flight_id: in the data but not in the targets in 3 of 300 rows"):
        DATA.check_pair(batch.data, batch.target[3:], "both")


@pytest.mark.parametrize("late", [[0, 0, 0], [1, 1, 1], [0, 0, 1]])
def test_a_model_cannot_learn_from_one_class(late):
    with pytest.raises(ContractBreach, match=r"only one class to learn from.*\nTrain on more days"):
        check_classes(pd.Series(late), "train_data.csv")


@pytest.mark.parametrize("rows", [{"a": [1, 1], "b": ["x", "x"]}, {"a": [np.nan, np.nan]}, {"a": [1.0], "b": ["x"]}])
def test_a_model_cannot_learn_from_rows_that_are_all_alike(rows):
    with pytest.raises(ContractBreach, match=r"all features: nothing to learn from.*\n.*train on more days"):
        check_varied(pd.DataFrame(rows), "train.csv")


@pytest.mark.parametrize("rows", [{"a": [1, 1], "b": ["x", "y"]}, {"a": [1.0, np.nan]}])
def test_one_column_that_varies_is_something_to_learn_from(rows):
    check_varied(pd.DataFrame(rows), "train.csv")


def test_what_is_written_is_read_back_the_same(data, tmp_path):
    data.to_csv(tmp_path / "data.csv", index=False)
    pd.testing.assert_frame_equal(DATA.read(tmp_path / "data.csv"), data)


def test_na_is_a_text_like_any_other(data, tmp_path):
    data.assign(carrier="NA").to_csv(tmp_path / "data.csv", index=False)
    assert set(DATA.read(tmp_path / "data.csv")["carrier"]) == {"NA"}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "data.csv: the file is empty"),
        (b"flight_id\n\xff\xfe\n", r"data.csv: not UTF-8 in 1 of 1 rows, first in line 2: '\\\\xff'"),
        (b'flight_id\n"open\n', "data.csv: a quote that is not closed.* in 1 of 1 rows, first in line 2: '\"open'"),
        (b"flight_id\na\nb,c,d\n", "data.csv: 3 fields where the heading has 1 in 1 of 2 rows, first in line 3"),
    ],
)
def test_a_file_that_is_no_csv_is_told_as_such(tmp_path, content, told):
    (tmp_path / "data.csv").write_bytes(content)
    with pytest.raises(ContractBreach, match=told):
        DATA.read(tmp_path / "data.csv")
