"""Evidence: what a run can say of where it came from, and the check that files still are what it said."""

import hashlib
import json
import os
import platform
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from galley import files
from galley.checkout import git_state
from galley.days import Day
from galley.errors import MissingInput
from galley.notebook import Notebook
from galley.settings import Settings, absolute_path, relative_name
from galley.stage import MIME_TYPE

OTHER_NUMBERS = "says something else than the notebook concluded"


def now() -> str:
    """The time in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def provenance(notebook: Notebook, settings: Settings) -> dict[str, Any]:
    """What is known before a kernel starts: the source and its commit, the lock, the host."""
    lock = settings.home / "uv.lock"
    return {
        "source": {
            "path": relative_name(notebook.path, settings),
            "sha256": notebook.sha256,
            **git_state(settings.home),
        },
        "lock_sha256": files.digest(lock) if lock.is_file() else None,
        "host": platform.node(),
        "pid": os.getpid(),
    }


def statements(node: NotebookNode) -> Iterator[dict[str, Any]]:
    """What a stage stated in its outputs, in order: the day and where it ran, inputs, outputs and the conclusion."""
    for cell in node.cells:
        for output in cell.get("outputs", []):
            if MIME_TYPE in output.get("data", {}):
                yield output["data"][MIME_TYPE]


def stated(node: NotebookNode) -> dict[str, Any]:
    """The statements of a notebook, gathered: environment, inputs, outputs, and the conclusion or None."""
    said = list(statements(node))
    environments = [statement["environment"] for statement in said if "environment" in statement]
    conclusions = [statement["values"] for statement in said if statement["kind"] == "conclusion"]
    return {
        "environment": environments[-1] if environments else {},
        "inputs": _files_stated(said, "input"),
        "outputs": _files_stated(said, "output"),
        "conclusion": conclusions[-1] if conclusions else None,
    }


def _files_stated(said: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in s.items() if key != "kind"} for s in said if s["kind"] == kind]


@dataclass(frozen=True)
class Mismatch:
    """A file that is no longer what an accepted run said of it."""

    notebook: str
    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.notebook}: {self.path} {self.problem}"


def verify(day: Day) -> list[Mismatch]:
    """Recompute every digest that the day's accepted runs state; empty if all still match.

    Raises MissingInput if the day has no accepted run.
    """
    accepted = sorted(day.settings.outputs.joinpath(day.ds).glob("*/*.ipynb"))
    if not accepted:
        raise MissingInput(f"There is no accepted run in {day.settings.outputs / day.ds}. Name a day that was run.")
    return [mismatch for path in accepted for mismatch in _mismatches(path, day.settings)]


def _mismatches(path: Path, settings: Settings) -> Iterator[Mismatch]:
    name = relative_name(path, settings)
    try:
        node = files.read_notebook(path)
        record = node.metadata.galley
        facts = {fact["path"]: fact for fact in (record["source"], *record["inputs"], *record["outputs"])}
        unchanged = record["record_sha256"] == record_digest(node)
    except (ValueError, KeyError, TypeError, AttributeError, nbformat.ValidationError):
        yield Mismatch(name, name, "says nothing of where it came from that can be read")
        return
    if not unchanged:
        yield Mismatch(name, name, "was changed after it was accepted")
    for fact in facts.values():
        problem = _problem(absolute_path(fact["path"], settings), fact)
        if problem:
            yield Mismatch(name, fact["path"], problem)
    page = path.with_suffix(".html")
    if not page.is_file():
        yield Mismatch(name, page.name, "is not there")
    elif record["record_sha256"].encode() not in files.read_bytes(page):
        yield Mismatch(name, page.name, "was not rendered from this notebook")
    copied = _copied(path.with_name("metrics.json"), stage_of(path.stem))
    if copied != record["conclusion"]:
        yield Mismatch(name, "metrics.json", OTHER_NUMBERS)


def stage_of(name: str) -> str:
    """The stage's name in metrics.json: that of its notebook without the number."""
    return re.sub(r"^\d+_", "", name)


def _copied(metrics: Path, stage: str) -> Any:
    """What metrics.json says of a stage; None if it says nothing."""
    try:
        return files.read_json(metrics).get(stage)
    except (OSError, ValueError, AttributeError):
        return None


def _problem(path: Path, fact: dict[str, Any]) -> str | None:
    names = fact.get("files")
    if not path.exists() or not all((path / name).is_file() for name in names or []):
        return "is not there any more"
    return None if files.digest(path, names) == fact.get("sha256") else "has other content now"


def record_digest(node: NotebookNode) -> str:
    """The SHA-256 of an executed notebook, its own `record_sha256` left out: cells, outputs and all metadata."""
    # As it comes back from a file: nbformat leaves out what it calls transient, and JSON has only texts as keys.
    bare = nbformat.reads(nbformat.writes(node), as_version=4)
    bare.metadata.get("galley", {}).pop("record_sha256", None)
    return hashlib.sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()
