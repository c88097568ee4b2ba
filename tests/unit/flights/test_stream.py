"""A file in parts is what it is as a whole: the same rows, and the same words where it breaks the contract."""

import numpy as np
import pandas as pd
import pytest
from test_contract import BREACHES

from flights import contract, stream
from galley.errors import ContractBreach
from galley.scoring import csv


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """300 flights are eight parts for pyarrow and six for pandas."""
    monkeypatch.setattr(csv, "PART_BYTES", 5000)
    monkeypatch.setattr(stream, "PART_ROWS", 50)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "data.csv"


def streamed(file):
    parts = list(stream.stream_data(file))
    assert len(parts) > 5
    texts = {column.name: "str" for column in contract.DATA if column.kind == "text"}
    return pd.concat([part.astype(texts) for part in parts], ignore_index=True)


def told(read, file):
    with pytest.raises(ContractBreach) as breach:
        list(read(file))
    return str(breach.value)


def test_the_parts_together_are_the_whole(data, file):
    data.to_csv(file, index=False)
    pd.testing.assert_frame_equal(streamed(file), contract.read_data(file))


@pytest.mark.parametrize("case", BREACHES)
def test_a_breach_is_told_in_the_words_of_the_whole_file(data, file, case):
    BREACHES[case][0](data).to_csv(file, index=False)
    assert told(stream.stream_data, file) == told(contract.read_data, file)


def test_breaches_in_several_parts_are_counted_together(data, file):
    data.loc[[7, 120, 290], "distance"] = -5.0
    data.loc[[3, 200], "hour"] = 99.0
    data.loc[250, "carrier"] = None
    data.to_csv(file, index=False)
    said = told(stream.stream_data, file)
    assert "distance: not from 1 to 12500 in 3 of 300 rows, first in line 9: '-5.0'" in said
    assert said == told(contract.read_data, file)


def test_a_flight_that_comes_again_in_another_part_is_a_duplicate(data, file):
    pd.concat([data, data.iloc[[5, 5, 80]]]).to_csv(file, index=False)
    said = told(stream.stream_data, file)
    assert "flight_id: a duplicate in 3 of 303 rows, first in line 302" in said
    assert said == told(contract.read_data, file)


@pytest.mark.parametrize("content", [b"", b"flight_id\n\xff\xfe\n", b'flight_id\n"open\n', b"flight_id\na\nb,c,d\n"])
def test_a_file_that_is_no_csv_is_told_as_such(file, content):
    file.write_bytes(content)
    assert told(stream.stream_data, file) == told(contract.read_data, file)


@pytest.mark.parametrize("value", ["nan", "True", "1,5", "0x10", "far"])
def test_what_is_no_number_is_none_in_parts_either(data, file, value):
    text = data["temp"].astype(object)
    text[200] = value
    data.assign(temp=text).to_csv(file, index=False)
    assert told(stream.stream_data, file) == told(contract.read_data, file)


@pytest.mark.parametrize("value", ["+7", " 7", "7e0", '"7"'])
def test_what_only_pandas_takes_for_a_number_is_one_in_parts_too(data, file, value):
    lines = data.assign(temp=["7.125"] * 299 + ["7.5"]).to_csv(index=False).replace(",7.5,", f",{value},")
    file.write_text(lines)
    assert streamed(file)["temp"].iloc[-1] == 7
    pd.testing.assert_frame_equal(streamed(file), contract.read_data(file))


def test_columns_in_another_order_and_texts_that_need_quotes_are_as_in_the_whole(data, file):
    data["dest"] = ['a "b", c\nd', "NA", "None", "é"] * 75
    data[data.columns[::-1]].to_csv(file, index=False)
    pd.testing.assert_frame_equal(streamed(file), contract.read_data(file))


def test_two_keys_with_one_hash_are_no_duplicate(data, file, monkeypatch):
    data.to_csv(file, index=False)
    monkeypatch.setattr(pd.util, "hash_array", lambda keys: np.zeros(len(keys), dtype="uint64"))
    pd.testing.assert_frame_equal(streamed(file), contract.read_data(file))
