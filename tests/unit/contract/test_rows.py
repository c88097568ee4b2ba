"""Rows: a line is a row, whole and in UTF-8; what is not is refused with its line, in both ways of reading."""

from datetime import date

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flights import synthetic
from flights.contract import DATA, LABELS
from galley.contract import breach, careful, plain
from galley.errors import ContractBreach

DAY = date(2026, 11, 23)


def a_day(rows=20):
    """The bytes of a day's file, with texts that need quotes and more than ASCII, and numbers that are missing."""
    data = synthetic.generate(DAY, rows=rows).data
    data["plane_manufacturer"] = ["AIRBUS, INC", 'the "B" one', "Embraer-São José", None] * (rows // 4)
    data.loc[::3, "temp"] = None
    return data.to_csv(index=False, lineterminator="\n").encode()


GOOD = a_day()


@pytest.fixture(autouse=True, scope="module")
def no_tables():
    """Hundreds of files are refused here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(breach, "_show", lambda _: None)
        yield


@pytest.fixture
def file(tmp_path):
    return tmp_path / "data.csv"


def read_both_ways(file, content, contract=DATA, day=DAY):
    """The rows, or what is wrong with them; the same, read as a whole and in parts."""
    file.write_bytes(content)
    texts = {column.name: "str" for column in contract if column.kind == "text"}
    read = []
    for way in (contract.read, lambda *asked: pd.concat(contract.parts(*asked), ignore_index=True)):
        try:
            read.append(way(file, day).astype(texts))
        except ContractBreach as error:
            read.append(str(error))
    if isinstance(read[0], str):
        assert read[0] == read[1]
    else:
        pd.testing.assert_frame_equal(*read, check_exact=True)
    return read[0]


def lines_of(content):
    return content.decode().splitlines(keepends=True)


def in_line(number, change):
    """The file with one line changed; the heading is line 1."""

    def changed(content):
        lines = lines_of(content)
        lines[number - 1] = change(lines[number - 1])
        return "".join(lines).encode()

    return changed


def in_each_line(change):
    return lambda content: "".join([lines_of(content)[0], *map(change, lines_of(content)[1:])]).encode()


def with_value(column, *values):
    """The file with other values in a column, in its first rows."""

    def changed(content):
        lines = lines_of(content)
        for number, value in enumerate(values, 1):
            fields = lines[number].split(",", DATA.names.index(column) + 1)
            fields[DATA.names.index(column)] = value
            lines[number] = ",".join(fields)
        return "".join(lines).encode()

    return changed


KEY = lines_of(GOOD)[1].split(",")[0]
OTHER_KEY = lines_of(GOOD)[2].split(",")[0]
FIRST = lines_of(GOOD)[1].split(",")[0]
BREACHES = {
    "a quote that is not closed": (
        in_line(9, lambda line: line.replace(",", ',"', 1)),
        "a quote that is not closed.* in 1 of 20 rows, first in line 9",
    ),
    "a quote that is closed in a later line": (
        lambda content: in_line(5, lambda line: line.replace(",", ',"', 1))(
            in_line(9, lambda line: line.replace(",", '",', 1))(content)
        ),
        "a quote that is not closed.* in 2 of 20 rows, first in line 5",
    ),
    "a file cut within a row": (
        lambda content: content[:-30],
        "the last line has no end: the file may be cut, with 14 fields where the heading has 22 in 1 of 20 rows, "
        "first in line 21",
    ),
    "a file cut within the last number": (
        lambda content: content.rstrip(b"\n"),
        "the last line has no end: the file may be cut in 1 of 20 rows, first in line 21",
    ),
    "a file cut at half its bytes": (lambda content: content[: len(content) // 2], "the last line has no end"),
    "rows that are all a field short": (
        in_each_line(lambda line: line.replace(",2026-11", "", 1)),
        "21 fields where the heading has 22 in 20 of 20 rows, first in line 2",
    ),
    "a short row among others": (
        in_line(7, lambda _: "A,B\n"),
        "2 fields where the heading has 22 in 1 of 20 rows, first in line 7: 'A,B'",
    ),
    "a long row among others": (
        in_line(7, lambda line: line.replace("\n", ",1\n")),
        "23 fields where the heading has 22 in 1 of 20 rows, first in line 7",
    ),
    "a comma more at the end of each row": (
        in_each_line(lambda line: line.replace("\n", ",\n")),
        "23 fields where the heading has 22 in 20 of 20 rows",
    ),
    "a moment with an offset among others": (
        with_value("scheduled_departure", "2026-11-23T06:15Z"),
        "scheduled_departure: not a date and time.* in 1 of 20 rows, first in line 2: '2026-11-23T06:15Z'",
    ),
    "moments with offsets": (
        with_value("scheduled_departure", "2026-11-23T06:15-05:00", "2026-11-23T06:15+02:00"),
        "scheduled_departure: not a date and time.* in 2 of 20 rows",
    ),
    "a moment of another day": (
        with_value("scheduled_departure", "2019-01-01T05:00"),
        "scheduled_departure: not of 2026-11-23 in 1 of 20 rows, first in line 2: '2019-01-01T05:00'",
    ),
    "true and false": (
        with_value("precip", *["True", "False"] * 10),
        "precip: not a number in 20 of 20 rows, first in line 2: 'True'",
    ),
    "a blank for a number": (with_value("precip", " "), "precip: not a number in 1 of 20 rows, first in line 2: ' '"),
    "infinity": (with_value("precip", "inf"), "precip: not a number in 1 of 20 rows, first in line 2: 'inf'"),
    "Latin-1": (
        lambda content: content.decode().encode("latin-1"),
        r"not UTF-8 in 5 of 20 rows, first in line 4: '.*Embraer-S\\\\xe3'",
    ),
    "UTF-16": (lambda content: content.decode().encode("utf-16"), "UTF-16 and not UTF-8"),
    "a NUL byte": (with_value("dest", "J\0FK"), "a NUL byte in 1 of 20 rows, first in line 2"),
    "a padded key": (
        with_value("flight_id", f" {KEY}"),
        "flight_id: blanks before or after in 1 of 20 rows, first in line 2",
    ),
    "keys that differ by case": (
        with_value("flight_id", OTHER_KEY.lower()),
        "flight_id: a duplicate but for blanks and case in 1 of 20 rows, first in line 3",
    ),
    "keys that differ by blanks": (
        with_value("flight_id", OTHER_KEY.replace("-", " -")),
        "flight_id: a duplicate but for blanks and case in 1 of 20 rows, first in line 3",
    ),
    "a heading without rows": (lambda content: content.splitlines(keepends=True)[0], "there are no rows"),
    "a column that is there twice": (
        in_line(1, lambda line: line.replace("dewp", "temp")),
        "temp: the column is there more than once",
    ),
    "a line that never ends": (lambda content: content + b"x" * 30_000, "the last line has no end"),
}


@pytest.mark.parametrize("part_bytes", [600, 4 << 20])
@pytest.mark.parametrize("case", BREACHES)
def test_a_file_that_is_not_whole_is_refused_with_line_and_fact(file, monkeypatch, case, part_bytes):
    monkeypatch.setattr(plain, "PART_BYTES", part_bytes)
    monkeypatch.setattr(careful, "PART_ROWS", part_bytes // 100)
    spoil, told = BREACHES[case]
    said = read_both_ways(file, spoil(GOOD))
    assert isinstance(said, str), "accepted"
    assert pd.Series([said]).str.contains(told).all(), said


def test_all_faults_of_a_file_are_in_one_table(file):
    content = GOOD
    for case in ("true and false", "a moment of another day", "a quote that is not closed", "a short row among others"):
        content = BREACHES[case][0](content)
    said = read_both_ways(file, in_line(1, lambda line: line.replace("humid", "humidity"))(content))
    for fact in (
        "humid: the column is missing",
        "humidity: the column is not in the contract",
        "2 fields where the heading has 22 in 1 of 20 rows",
        "a quote that is not closed",
        "not of 2026-11-23 in 1 of 20 rows",
        "precip: not a number in 18 of 20 rows",
    ):
        assert fact in said


def test_the_file_of_yesterday_is_refused_and_the_advice_is_to_bring_todays(file):
    said = read_both_ways(file, GOOD, day=date(2026, 11, 24))
    assert "scheduled_departure: not of 2026-11-24 in 20 of 20 rows" in said
    assert said.endswith("See whether the file of another day was delivered, and bring this day's.")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rows_are_the_same_whatever_ends_their_lines(file, end):
    rows = read_both_ways(file, GOOD.replace(b"\n", end.encode()))
    pd.testing.assert_frame_equal(rows, read_both_ways(file, GOOD))


def test_a_plain_file_needs_no_careful_look(file, monkeypatch):
    monkeypatch.delattr(careful, "check")
    monkeypatch.setattr(plain, "PART_BYTES", 600)
    assert len(read_both_ways(file, GOOD)) == 20
    assert len(read_both_ways(file, b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n\r\n"))) == 20


def test_numbers_read_carefully_are_those_read_plainly(file):
    plainly = read_both_ways(file, GOOD)
    carefully = read_both_ways(file, with_value("hour", f"+{int(plainly['hour'].iloc[0])}")(GOOD))
    pd.testing.assert_frame_equal(carefully, plainly, check_exact=True)


mutations = st.tuples(
    st.sampled_from(["remove", "double", "change"]),
    st.integers(0, len(GOOD) - 1),
    st.one_of(st.sampled_from(list(b'",\n\r\0 -+.eE0\xff\xef')), st.integers(0, 255)),
)


def mutated(content, mutation):
    """The file with one byte removed, doubled or changed."""
    kind, at, byte = mutation
    middle = {"remove": b"", "double": content[at : at + 1] * 2, "change": bytes([byte])}[kind]
    return content[:at] + middle + content[at + 1 :]


@settings(max_examples=200, deadline=None)
@given(mutations, st.sampled_from([600, 4 << 20]))
@example(("remove", GOOD.index(b'"'), 0), 600)
@example(("change", GOOD.index(b'"\n') + 1, ord('"')), 600)
@example(("change", len(GOOD) - 1, ord("\r")), 600)
@example(("remove", GOOD.index(b"\n", 400), 0), 600)
def test_one_byte_is_refused_or_changes_nothing_or_its_own_row_alone(tmp_path_factory, mutation, part_bytes):
    file = tmp_path_factory.mktemp("day") / "data.csv"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "PART_BYTES", part_bytes)
        good, rows = read_both_ways(file, GOOD), read_both_ways(file, mutated(GOOD, mutation))
    if isinstance(rows, str):
        return
    assert len(rows) == len(good)
    differs = ~((rows == good) | (rows.isna() & good.isna())).all(axis=1)
    own = GOOD.count(b"\n", 0, mutation[1]) - 1
    assert set(differs[differs].index) <= {own, own + (GOOD[mutation[1]] == ord("\n"))}
    assert differs.sum() <= 1


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_the_same_holds_of_targets(tmp_path_factory, data):
    content = synthetic.generate(DAY, rows=20).target.to_csv(index=False, lineterminator="\n").encode()
    kind = data.draw(st.sampled_from(["remove", "double", "change"]))
    mutation = (kind, data.draw(st.integers(0, len(content) - 1)), data.draw(st.integers(0, 255)))
    file = tmp_path_factory.mktemp("day") / "target.csv"
    good, rows = (read_both_ways(file, some, LABELS) for some in (content, mutated(content, mutation)))
    assert isinstance(rows, str) or (len(rows) == len(good) and (rows != good).any(axis=1).sum() <= 1)
