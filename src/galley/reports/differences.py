"""Differences: what is not the same of two runs of a stage: asked, concluded, printed, made of. Without the noise."""

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import Any

from nbformat import NotebookNode

from galley.run.checkout import described
from galley.run.provenance import stated

LINES = 2_000
"""Lines of output that are compared; what is beyond is said to be left out."""
_STEPS = 5_000_000
"""Steps in which lines are aligned, one or two seconds; what is unlike takes thousands."""
_WIDTH = 400
_CONTEXT = 2
_INJECTED = "injected-parameters"
_NOISE = (
    (re.compile(r"\b0x[0-9a-fA-F]{4,}\b"), "[address]"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|[+-]\d\d:?\d\d)?"), "[time]"),
    (re.compile(r"\b\d\d:\d\d:\d\d([.,]\d+)?\b"), "[time]"),
    (re.compile(r"\b\d+(\.\d+)? ?(ns|µs|us|ms|s|sec|secs|seconds)\b"), "[duration]"),
    (re.compile(r"\b[0-9a-f]{32,}\b|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "[digest]"),
    (re.compile(r"/tmp/[^\s'\"<>)]+"), "[temporary file]"),  # noqa: S108 - what is found in texts
)
_DIGEST = re.compile(r"[0-9a-f]{64}")
_OBJECT = re.compile(r"<[^\n]*>")
_NUMBER = re.compile(r"-?\d{1,15}(\.\d+)?(e[+-]?\d{1,3})?")
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

    @property
    def difference(self) -> str:
        """How much more the right side has, where both are numbers."""
        if not self.is_changed or not (_NUMBER.fullmatch(self.left) and _NUMBER.fullmatch(self.right)):
            return ""
        return f"{float(self.right) - float(self.left):+.4g}"


@dataclass(frozen=True)
class Line:
    """A line of both sides, one under the other's report_path: `kind` is same, changed, left, right or gap."""

    kind: str
    left: str = ""
    right: str = ""


def parameters(left: NotebookNode, right: NotebookNode) -> list[Row]:
    """What each was asked."""
    return _rows(_galley(left).get("parameters"), _galley(right).get("parameters"))


def conclusions(left: NotebookNode, right: NotebookNode) -> list[Row]:
    """What each concluded."""
    return _rows(_galley(left).get("conclusion"), _galley(right).get("conclusion"))


def environments(left: NotebookNode, right: NotebookNode) -> list[Row]:
    """The commit, the Python and the libraries that each ran with; nothing if one of them does not say."""
    one, other = (_environment(node) for node in (left, right))
    return _rows(one, other) if one and other else []


def sources(left: NotebookNode, right: NotebookNode) -> list[str]:
    """The code of both as a unified diff, each cell under its id; the values that a run was given are left out."""
    lines = difflib.unified_diff(list(_code(left)), list(_code(right)), n=_CONTEXT, lineterm="")
    return list(lines)[2:]  # without the names of files


def changed(rows: list[Row], left: NotebookNode, right: NotebookNode) -> list[Row]:
    """The rows that differ by more than noise."""
    return [row for row in rows if without_noise(row.left, _ds(left)) != without_noise(row.right, _ds(right))]


def outputs(left: NotebookNode, right: NotebookNode) -> list[Line]:
    """The text that each printed or showed: changed lines with a little of what is around them."""
    sides = [list(islice(_lines(node), LINES + 1)) for node in (left, right)]
    was_cut = any(len(side) > LINES for side in sides)
    one, other = (side[:LINES] for side in sides)
    lines: list[Line] = []
    matcher = _Bounded(one, other)
    groups = matcher.get_grouped_opcodes(_CONTEXT)
    for number, group in enumerate(groups):
        lines += [Line("gap")] if number else []
        for kind, a, b, c, d in group:
            lines += _pairs(kind, one[a:b], other[c:d])
    notes = {
        f"only the first {LINES:,} lines were compared": was_cut,
        "too many lines are alike: some are shown as changed that are only further up or down": matcher.was_cut,
    }
    return [*lines, *(Line("gap", note) for note, is_so in notes.items() if is_so)]


class _Bounded(difflib.SequenceMatcher[str]):
    """Lines aligned in a bounded number of steps. Lines that repeat take their number squared, and again."""

    def __init__(self, one: list[str], other: list[str]) -> None:
        self._left = _STEPS
        repeats = Counter(other)
        self._costs = [1 + repeats[line] for line in one]
        super().__init__(None, one, other, autojunk=False)

    @property
    def was_cut(self) -> bool:
        """Whether the steps were used up."""
        return self._left < 0

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> difflib.Match:
        """See SequenceMatcher; nothing matches any more when the steps are used up."""
        self._left -= sum(self._costs[alo:ahi])
        return difflib.Match(alo, blo, 0) if self.was_cut else super().find_longest_match(alo, ahi, blo, bhi)


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
    for cell in node.cells:
        for output in cell.get("outputs", []):
            for line in without_noise(_text(output), _ds(node)).splitlines():
                yield line.rstrip()[:_WIDTH]


def _text(output: NotebookNode) -> str:
    data = output.get("data", {})
    plain = "".join(data.get("text/plain", ""))
    # What stands for a figure or a styled table is the name of an object.
    is_name = any(kind.startswith("image/") for kind in data) or bool("text/html" in data and _OBJECT.fullmatch(plain))
    said = output.get("text") or data.get("text/markdown") or ("" if is_name else plain)
    if output.output_type == "error":
        said = f"{output.get('ename')}: {output.get('evalue')}"
    return "".join(said)


def _rows(left: Any, right: Any) -> list[Row]:
    one, other = (side if isinstance(side, dict) else {} for side in (left, right))
    names = [name for name in {**one, **other} if not (_is_digest(one.get(name)) or _is_digest(other.get(name)))]
    return [Row(str(name), _shown(one, name), _shown(other, name)) for name in names]


def _is_digest(value: Any) -> bool:
    """Whether it is a digest or a table of such, which differ wherever anything does."""
    if isinstance(value, dict):
        return bool(value) and all(map(_is_digest, value.values()))
    return isinstance(value, str) and bool(_DIGEST.fullmatch(value))


def _shown(values: dict[str, Any], name: str) -> str:
    if name not in values:
        return ""
    value = values[name]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _code(node: NotebookNode) -> Iterator[str]:
    for cell in node.cells:
        if cell.cell_type == "code" and _INJECTED not in cell.metadata.get("tags", []):
            yield f"# cell {cell.get('id', '')}".rstrip()
            yield from cell.source.splitlines()


def _environment(node: NotebookNode) -> dict[str, Any]:
    found = stated(node)["environment"]
    if not found:
        return {}
    source = _galley(node).get("source") or {}
    # Cut, as what is longer is taken for a digest, which is noise.
    return {"git commit": described(source, 12) or "unknown", "python": found["python"], **found["libraries"]}


def _ds(node: NotebookNode) -> str:
    """The day that a run was for; a stage that was run manually says it in its parameters alone."""
    record = _galley(node)
    return str((record.get("run") or {}).get("ds") or (record.get("parameters") or {}).get("ds") or "")


def _galley(node: NotebookNode) -> dict[str, Any]:
    record = node.metadata.get("galley", {})
    return record if isinstance(record, dict) else {}
