"""Markdown: other people's text as the text that it is."""

import re

_SPECIAL = re.compile(r"([\\|*_`<>\[\]#~])")


def escaped(text: str) -> str:
    """The text in one line, of which nothing is taken for markup: for a cell of a table, a list, a sentence."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def shortened(text: str, length: int) -> str:
    """The text, or as much of it as fits, with an ellipsis."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"
