"""Other people's text stays text."""

import pytest

from galley.markdown import escaped, shortened


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("better than chance", "better than chance"),
        ("a|b", r"a\|b"),
        ("**bold** and `code`", r"\*\*bold\*\* and \`code\`"),
        ("<img src=x>", r"\<img src=x\>"),
        ("[click](http://x)", r"\[click\](http://x)"),
        ("two\nlines", "two lines"),
        ("# no heading", r"\# no heading"),
    ],
)
def test_nothing_is_taken_for_markup(text, shown):
    assert escaped(text) == shown


def test_what_is_too_long_is_cut_and_shows_it():
    assert shortened("abcdef", 6) == "abcdef"
    assert shortened("abc def", 5) == "abc…"
