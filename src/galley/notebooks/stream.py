"""Streams: what was printed, as a terminal shows it in the end. A progress bar is its last state and not each one."""

import re

_CODE = re.compile(r"\x1b\[[0-?]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Colours, links and bells: what steers a terminal."""


def last_state(text: str) -> str:
    """The text in which a line that was written over, by carriage returns, is what was written last."""
    return collapse(text).replace("\r", "")


def collapse(text: str) -> str:
    """The same of a piece of a text: a return at its start or end, over which its neighbours are written, stays."""
    if "\r" not in text:
        return text
    first, last = text.partition("\n")[0], text.rpartition("\n")[2]
    shown = "\n".join(_shown(line) for line in text.split("\n"))
    return "\r" * ("\r" in first.rstrip("\r")) + shown + "\r" * last.endswith("\r")


def plain(text: str) -> str:
    """The text without what steers a terminal, such as colours."""
    return _CODE.sub("", text)


def _shown(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]
