"""What was printed is shown as a terminal shows it in the end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.notebooks.stream import collapse, last_state, plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ntext\n", "plain\ntext\n"),
        ("\r1/3\r2/3\r3/3", "3/3"),
        ("\r1/3\r2/3\r3/3\n", "3/3\n"),
        ("before\n 1%\r 2%\r 3%\nafter", "before\n 3%\nafter"),
        ("lines of\r\nanother system\r\n", "lines of\nanother system\n"),
        ("longer\rshort", "short"),
        ("gone\r\x1b[32mshort\x1b[0m", "\x1b[32mshort\x1b[0m"),
        ("one\r", "one"),
        ("one\r\r\ntwo", "one\ntwo"),
        ("", ""),
    ],
)
def test_what_was_written_over_is_gone(text, shown):
    assert last_state(text) == shown


@given(st.lists(st.text("ab\r\n", max_size=6), max_size=6))
def test_it_does_not_matter_in_how_many_pieces_it_came(pieces):
    taken = ""
    for piece in pieces:
        taken = collapse(taken + collapse(piece))
    assert last_state(taken) == last_state("".join(pieces))


@pytest.mark.parametrize(
    "text",
    ["\x1b[1;31mred\x1b[0m", "\x1b[?25lred\x1b[?25h", "\x1b]8;;http://x\x1b\\red\x1b]8;;\x07", "\x07r\x00ed\x08"],
)
def test_what_steers_a_terminal_is_taken_out(text):
    assert plain(f"{text}\n\tas it is") == "red\n\tas it is"
