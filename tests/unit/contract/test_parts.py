"""A file in parts is what it is as a whole: the same rows, and the same words where it breaks the contract."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from test_contract import BREACHES

from flights.contract import DATA
from galley.contract import careful, keys, parts, plain
from galley.contract.check import Check, Rows
from galley.errors import ContractBreach


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """300 flights are eight parts for pyarrow and six for the careful look."""
    monkeypatch.setattr(plain, "PART_BYTES", 5000)
    monkeypatch.setattr(careful, "PART_ROWS", 50)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "data.csv"


def streamed(file):
    read = list(DATA.parts(file))
    assert len(read) > 5
    texts = {column.name: "str" for column in DATA if column.kind == "text"}
    return pd.concat([part.astype(texts) for part in read], ignore_index=True)


def told(read, file):
    with pytest.raises(ContractBreach) as breach:
        list(read(file))
    return str(breach.value)


def test_the_parts_together_are_the_whole(data, file):
    data.to_csv(file, index=False)
    pd.testing.assert_frame_equal(streamed(file), DATA.read(file))


@pytest.mark.parametrize("case", BREACHES)
def test_a_breach_is_told_in_the_words_of_the_whole_file(data, file, case):
    BREACHES[case][0](data).to_csv(file, index=False)
    assert told(DATA.parts, file) == told(DATA.read, file)


def test_breaches_in_several_parts_are_counted_together(data, file):
    data.loc[[7, 120, 290], "distance"] = -5.0
    data.loc[[3, 200], "hour"] = 99.0
    data.loc[250, "carrier"] = None
    data.to_csv(file, index=False)
    said = told(DATA.parts, file)
    assert "distance: not from 1 to 12500 in 3 of 300 rows, first in line 9: '-5.0'" in said
    assert said == told(DATA.read, file)


def test_a_flight_that_comes_again_in_another_part_is_a_duplicate(data, file):
    pd.concat([data, data.iloc[[5, 5, 80]]]).to_csv(file, index=False)
    said = told(DATA.parts, file)
    assert "flight_id: a duplicate in 3 of 303 rows, first in line 302" in said
    assert said == told(DATA.read, file)


@pytest.mark.parametrize("content", [b"", b"flight_id\n\xff\xfe\n", b'flight_id\n"open\n', b"flight_id\na\nb,c,d\n"])
def test_a_file_that_is_no_csv_is_told_as_such(file, content):
    file.write_bytes(content)
    assert told(DATA.parts, file) == told(DATA.read, file)


@pytest.mark.parametrize("value", ["nan", "True", "1,5", "0x10", "far"])
def test_what_is_no_number_is_none_in_parts_either(data, file, value):
    text = data["temp"].astype(object)
    text[200] = value
    data.assign(temp=text).to_csv(file, index=False)
    assert told(DATA.parts, file) == told(DATA.read, file)


@pytest.mark.parametrize("value", ["+7", " 7", "7e0", '"7"'])
def test_a_number_is_one_however_it_is_written(data, file, value):
    lines = data.assign(temp=["7.125"] * 299 + ["7.5"]).to_csv(index=False).replace(",7.5,", f",{value},")
    file.write_text(lines)
    assert streamed(file)["temp"].iloc[-1] == 7
    pd.testing.assert_frame_equal(streamed(file), DATA.read(file))


def test_columns_in_another_order_and_texts_that_need_quotes_are_as_in_the_whole(data, file):
    data["dest"] = ['a "b", c', "NA", "None", "é"] * 75
    data[data.columns[::-1]].to_csv(file, index=False)
    pd.testing.assert_frame_equal(streamed(file), DATA.read(file))


def test_two_keys_with_one_hash_are_no_duplicate(data, file, monkeypatch):
    data.to_csv(file, index=False)
    monkeypatch.setattr(keys, "_hashed", lambda of: np.zeros(len(of), dtype="uint64"))
    pd.testing.assert_frame_equal(streamed(file), DATA.read(file))


def test_hashes_that_come_again_are_found_in_shares_too(monkeypatch):
    monkeypatch.setattr(keys, "KEYS_AT_ONCE", 10)
    monkeypatch.setattr(keys, "_hashed", lambda numbers: numbers.astype("uint64"))
    monkeypatch.setattr(keys, "normal", pd.Series.to_numpy)
    numbers = pd.Series(np.random.default_rng(0).integers(0, 2**64, 95, dtype="uint64"))
    with keys.Hashes() as hashes:
        hashes.add(numbers)
        hashes.add(numbers[[3, 3, 90]])
        assert sorted(hashes.twice().tolist()) == sorted(numbers[[3, 90]].tolist())


def test_of_a_long_file_the_same_is_told_with_its_hashes_on_the_disk(data, file, monkeypatch):
    monkeypatch.setattr(keys, "KEYS_AT_ONCE", 20)
    data.to_csv(file, index=False)
    pd.testing.assert_frame_equal(streamed(file), DATA.read(file))
    pd.concat([data, data.iloc[[5, 5, 80]]]).to_csv(file, index=False)
    assert told(DATA.parts, file) == told(DATA.read, file)


@pytest.mark.parametrize("value", [None, -1e9, 1e9, np.inf, "2026-11-23T06:15:00.5", "2026-02-30", "", "07:00"])
def test_what_surely_keeps_to_the_contract_is_what_the_check_finds_nothing_in(data, value):
    for column in DATA:
        values = data[column.name].copy()
        if value is None or isinstance(value, str) == (column.kind != "number"):
            values[7] = value
        found = Check((column,)).add(Rows.of(values.to_frame())).found
        only_pandas_knows = column.kind == "moment" and value == "2026-11-23T06:15:00.5"
        assert parts._surely_keeps(values, column, None) == (not found and not only_pandas_knows)


def test_moments_that_pyarrow_does_not_take_for_one_are_read_too(data, file):
    data.loc[200, "scheduled_departure"] = "2026-11-23T06:15:00.5"
    data.to_csv(file, index=False)
    assert streamed(file)["scheduled_departure"].iloc[200] == "2026-11-23T06:15:00.5"
    pd.testing.assert_frame_equal(streamed(file), DATA.read(file))


def test_a_quote_within_a_text_is_what_it_says(data, file):
    data["dest"] = [*["JFK"] * 100, "5 by 3 inch", *["JFK"] * 199]
    file.write_text(data.to_csv(index=False).replace("5 by 3 inch", '5" by 3"'))
    pd.testing.assert_frame_equal(streamed(file), DATA.read(file))
    assert streamed(file)["dest"].iloc[100] == '5" by 3"'


def test_blank_lines_and_other_line_ends_are_read_as_in_the_whole(data, file):
    lines = data.to_csv(index=False).splitlines()
    file.write_bytes("\r\n".join([*lines[:100], *[""] * 6000, *lines[100:], "", ""]).encode())
    assert all(len(part) for part in DATA.parts(file))
    pd.testing.assert_frame_equal(streamed(file), DATA.read(file))
    pd.testing.assert_frame_equal(streamed(file), data)


def test_a_part_is_read_when_it_is_asked_for_and_not_before(data, file):
    data.to_csv(file, index=False)
    before = pa.total_allocated_bytes()
    read = DATA.parts(file)
    next(read)
    assert pa.total_allocated_bytes() - before < 3 * plain.PART_BYTES
