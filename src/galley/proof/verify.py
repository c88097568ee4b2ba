"""Verify: the check that a day's files still are what its accepted runs said of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from galley.days import Day
from galley.errors import MissingInput
from galley.notebooks.names import stage_of
from galley.run.provenance import record_digest
from galley.settings import Settings, absolute_path, relative_name
from galley.storage import files

OTHER_NUMBERS = "says something else than the notebook concluded"


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
