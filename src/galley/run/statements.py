"""Statements: what a stage says in its outputs of its day, its files and its conclusion; others may say anything there.

A statement that is not one as galley.stage makes them is a finding: it counts for nothing, and the record says so.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nbformat import NotebookNode

from galley.stage import CONCLUSION_LIMIT, MIME_TYPE

DEPTH_LIMIT = 100
"""Levels of lists and dicts in each other that JSON of an output may have; nbformat alone fails at a few hundred."""
_SHOWN = 120


def depth_exceeds(value: Any, limit: int = DEPTH_LIMIT) -> bool:
    """Whether lists and dicts stand deeper in each other than that."""
    level = [value]
    for _ in range(limit):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return False
    return True


def _inside(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return [one for one in inner if isinstance(one, Mapping | list)]


def sort_out(node: NotebookNode) -> tuple[list[dict[str, Any]], list[str]]:
    """The statements of a notebook, in order, and what was found of those that are none."""
    good: list[dict[str, Any]] = []
    findings: list[str] = []
    for index, statement in _all(node):
        fault = fault_of(statement)
        if fault is None:
            good.append(statement)
        else:
            findings.append(f"cell {index + 1} states something that galley cannot read: {fault}")
    return good, findings


def _all(node: NotebookNode) -> Iterator[tuple[int, Any]]:
    for index, cell in enumerate(node.cells):
        for output in cell.get("outputs", []):
            if MIME_TYPE in output.get("data", {}):
                yield index, output["data"][MIME_TYPE]


def fault_of(statement: Any) -> str | None:
    """What is wrong with a statement; None if nothing is."""
    if depth_exceeds(statement):
        return f"its JSON is nested more than {DEPTH_LIMIT} levels deep"
    if not isinstance(statement, Mapping):
        return f"{_short(statement)} is not an object"
    kind = statement.get("kind")
    checks = _CHECKS.get(kind) if isinstance(kind, str) else None
    if checks is None:
        return f"its kind is {_short(kind)}, which is none of {', '.join(_CHECKS)}"
    return file_fault(statement) if checks is _FILE else _first_fault(statement, checks)


def file_fault(fact: Mapping[str, Any]) -> str | None:
    """What is wrong with what is stated of a file or folder; None if nothing is."""
    return _first_fault(fact, _FILE)


def _first_fault(statement: Mapping[str, Any], checks: "_Checks") -> str | None:
    for name, is_good in checks.items():
        if not is_good(statement.get(name)):
            return f"its {name} is {_short(statement[name])}" if name in statement else f"it has no {name}"
    return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_path(value: Any) -> bool:
    return _is_text(value) and "\0" not in value and len(value) < 4096


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and set(value) <= set("0123456789abcdef")


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _are_names(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(map(_is_path, value)))


def _is_conclusion(value: Any) -> bool:
    # Twice the limit, as the record's JSON may be spelt otherwise than the stage's.
    return isinstance(value, Mapping) and len(json.dumps(value)) <= 2 * CONCLUSION_LIMIT


def _is_environment(value: Any) -> bool:
    libraries = value.get("libraries") if isinstance(value, Mapping) else None
    return isinstance(libraries, Mapping) and _is_text(value.get("python"))


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


_Checks = Mapping[str, Callable[[Any], bool]]
_FILE: _Checks = {"path": _is_path, "sha256": _is_digest, "bytes": _is_size, "files": _are_names}
_CHECKS: Mapping[str, _Checks] = {
    "day": {"environment": _is_environment},
    "input": _FILE,
    "output": _FILE,
    "conclusion": {"values": _is_conclusion},
}
