"""Lines: a CSV file line by line, as texts, with the number of each and what is wrong with it.

A row is one line: no value holds a line break, so that a quote which is not closed costs one row and not hundreds.
"""

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_LONGEST = 8 << 20
_NOT_UTF8 = re.compile("[\udc80-\udcff]")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Line(NamedTuple):
    """A line that is not empty: its number, counted as an editor does, its fields, and what is wrong with it.

    A line with a problem has no fields, but for one that is cut.
    """

    number: int
    fields: list[str]
    problem: str = ""
    value: str = ""


def lines(path: Path) -> Iterator[Line]:
    """The file's lines, those that are empty left out. After one that is no line of UTF-8 text for sure, no more."""
    with path.open("rb") as file:
        if file.read(2) in _UTF16:
            yield Line(1, [], "UTF-16 and not UTF-8")
            return
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        number = 0
        while line := text.readline(_LONGEST):
            number += 1
            bare = line.rstrip("\r\n")
            if bare == line:
                yield _without_end(number, line)
            elif bare:
                yield _line(number, bare)


def _without_end(number: int, line: str) -> Line:
    if len(line) < _LONGEST:
        fields = [] if '"' in line else line.split(",")
        return Line(number, fields, "the last line has no end: the file may be cut", line[-20:])
    return Line(number, [], "the line has no end", line[:20])


def _line(number: int, line: str) -> Line:
    if not line.isascii() and (found := _NOT_UTF8.search(line)):
        place = f"{line[max(0, found.start() - 20) : found.start()]}\\x{ord(found[0]) - 0xDC00:x}"
        return Line(number, [], "not UTF-8", place)
    if "\0" in line:
        return Line(number, [], "a NUL byte", line[max(0, line.index("\0") - 20) :][:40])
    if '"' not in line:
        return Line(number, line.split(","))
    quote = Line(number, [], "a quote that is not closed, or that stands within a field", line[line.index('"') :])
    try:
        return quote if line.count('"') % 2 else Line(number, next(csv.reader([line], strict=True)))
    except csv.Error:
        return quote
