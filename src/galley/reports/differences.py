"""Differences: what two runs of a stage were asked, concluded and printed that is not the same, without the noise."""

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from nbformat import NotebookNode

LINES = 2_000
"""Lines of output that are compared; what is beyond is said to be left out."""
_WIDTH = 400
_CONTEXT = 2
_NOISE = (
    (re.compile(r"\b0x[0-9a-fA-F]{4,}\b"), "[address]"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?"), "[time]"),
    (re.compile(r"\b\d\d:\d\d:\d\d([.,]\d+)?\b"), "[time]"),
    (re.compile(r"\b\d+(\.\d+)? ?(ns|µs|us|ms|s|sec|secs|seconds)\b"), "[duration]"),
    (re.compile(r"\b[0-9a-f]{32,}\b|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "[digest]"),
    (re.compile(r"/tmp/[^\s'\"<>)]+"), "[temporary file]"),  # noqa: S108 - what is found in texts
)
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True)
class Row:
    """One name and its value on both sides; empty where a side has none."""

    name: str
    left: str
    right: str

    @property
    def is_changed(self) -> bool:
        """Whether the sides differ."""
        return self.left != self.right


@dataclass(frozen=True)
class Line:
    """A line of both sides, one under the other's place: `kind` is same, changed, left, right or gap."""

    kind: str
    left: str = ""
    right: str = ""


def parameters(left: NotebookNode, right: NotebookNode) -> list[Row]:
    """What each was asked."""
    return _rows(_galley(left).get("parameters"), _galley(right).get("parameters"))


def conclusions(left: NotebookNode, right: NotebookNode) -> list[Row]:
    """What each concluded."""
    return _rows(_galley(left).get("conclusion"), _galley(right).get("conclusion"))


def outputs(left: NotebookNode, right: NotebookNode) -> list[Line]:
    """The text that each printed or showed: changed lines with a little of what is around them."""
    sides = [list(_lines(node)) for node in (left, right)]
    was_cut = any(len(side) > LINES for side in sides)
    one, other = (side[:LINES] for side in sides)
    lines: list[Line] = []
    groups = difflib.SequenceMatcher(None, one, other, autojunk=False).get_grouped_opcodes(_CONTEXT)
    for number, group in enumerate(groups):
        lines += [Line("gap")] if number else []
        for kind, a, b, c, d in group:
            lines += _pairs(kind, one[a:b], other[c:d])
    return [*lines, Line("gap", f"only the first {LINES:,} lines were compared")] if was_cut else lines


def without_noise(text: str, ds: str) -> str:
    """The text with stand-ins for what differs on any two runs: times, addresses, digests, and the day itself."""
    text = _ANSI.sub("", text)
    for pattern, stand_in in _NOISE:
        text = pattern.sub(stand_in, text)
    return text.replace(ds, "[day]") if ds else text


def _pairs(kind: str, left: list[str], right: list[str]) -> Iterator[Line]:
    name = {"equal": "same", "replace": "changed", "delete": "left", "insert": "right"}[kind]
    for one, other in zip_longest(left, right, fillvalue=""):
        yield Line(name, one, other)


def _lines(node: NotebookNode) -> Iterator[str]:
    ds = str((_galley(node).get("run") or {}).get("ds") or "")
    for cell in node.cells:
        for output in cell.get("outputs", []):
            for line in without_noise(_text(output), ds).splitlines():
                yield line.rstrip()[:_WIDTH]


def _text(output: NotebookNode) -> str:
    data = output.get("data", {})
    said = output.get("text") or data.get("text/markdown") or data.get("text/plain") or ""
    if output.output_type == "error":
        said = f"{output.get('ename')}: {output.get('evalue')}"
    return "".join(said)


def _rows(left: Any, right: Any) -> list[Row]:
    one, other = (side if isinstance(side, dict) else {} for side in (left, right))
    return [Row(str(name), _shown(one, name), _shown(other, name)) for name in {**one, **other}]


def _shown(values: dict[str, Any], name: str) -> str:
    if name not in values:
        return ""
    value = values[name]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _galley(node: NotebookNode) -> dict[str, Any]:
    record = node.metadata.get("galley", {})
    return record if isinstance(record, dict) else {}
