"""The journal of champions, as tables."""

from datetime import date

import pytest

from galley.proof.decision import APPROVE, ROLLBACK, TAKEN_BACK
from galley.registry import journal
from galley.registry.journal import Entry

A, R, T = APPROVE, ROLLBACK, TAKEN_BACK


def written(*moves: tuple[str, str]) -> list[Entry]:
    """A journal of one move a day, from the first of November on."""
    return [
        Entry(f"2026-11-{day:02}T10:00:00.000000Z", version, decision, "ada", "because", f"run {day}")
        for day, (decision, version) in enumerate(moves, start=1)
    ]


@pytest.mark.parametrize(
    ("moves", "expected"),
    [
        ([], None),
        ([(A, "1")], None),
        ([(A, "1"), (A, "2")], "1"),
        ([(A, "1"), (A, "2"), (A, "2")], "1"),
        ([(A, "1"), (A, "2"), (A, "3")], "2"),
        ([(A, "1"), (A, "2"), (R, "1")], None),
        ([(A, "1"), (A, "2"), (A, "3"), (R, "2")], "1"),
        ([(A, "1"), (A, "2"), (A, "3"), (R, "1")], None),
        ([(A, "1"), (A, "2"), (R, "1"), (A, "2")], "1"),
        ([(A, "2"), (R, "1")], "2"),
        ([(A, "1"), (A, "2"), (T, "1")], None),
        ([(A, "1"), (T, ""), (A, "2")], None),
    ],
)
def test_the_way_back_leads_to_the_champion_before_and_never_to_one_rolled_back(
    moves: list[tuple[str, str]], expected: str | None
) -> None:
    assert journal.previous_champion(written(*moves)) == expected


@pytest.mark.parametrize(
    ("day", "version"),
    [(date(2026, 10, 31), None), (date(2026, 11, 1), "1"), (date(2026, 11, 2), None), (date(2026, 11, 9), "2")],
)
def test_a_day_has_the_champion_of_its_end(day: date, version: str | None) -> None:
    entry = journal.champion_on(written((A, "1"), (T, ""), (A, "2")), day)
    assert (entry.version if entry else None) == version


def test_a_reign_lasts_until_the_next_move() -> None:
    moves = written((A, "1"), (T, ""), (A, "2"))
    assert [(entry.version, until) for entry, until in journal.champion_periods(moves)] == [
        ("1", moves[1].since),
        ("2", ""),
    ]


def test_a_journal_reads_back_from_tags_in_the_order_of_time() -> None:
    moves = written((A, "1"), (A, "2"), (R, "1"))
    tags = dict([*(entry.tag() for entry in reversed(moves)), ("galley.other", "x")])
    assert journal.entries(tags) == moves


def test_a_version_carries_no_more_than_the_end_of_the_journal() -> None:
    moves = written(*((A, str(number)) for number in range(1, 29)))
    assert journal.last_moves(dict([journal.last_moves_tag(moves)])) == moves[-journal.LAST_MOVES :]
    assert journal.last_moves(dict([journal.last_moves_tag(moves[:2])])) == moves[:2]
    assert journal.last_moves({"galley.other": "x"}) == []


def test_a_reason_of_any_length_fits_into_a_tag() -> None:
    _, value = Entry("2026-11-01T10:00:00.000000Z", "1", APPROVE, "ada", "why " * 5000, "run").tag()
    assert len(value) < 5000
