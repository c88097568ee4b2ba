"""Verify: the check that a day's files still are what its accepted runs said of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from galley.days import Day
from galley.errors import MissingInput
from galley.notebooks.names import stage_of
from galley.run.provenance import record_digest
from galley.run.statements import file_fault
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
        node = files.read_notebook(path) if path.is_file() else None
        record = node.metadata.galley if node else {}
        source = absolute_path(record["source"]["path"], settings)
        known = {**record["source"], "bytes": source.stat().st_size if source.is_file() else 0}
        facts = {fact["path"]: fact for fact in (known, *record["inputs"], *record["outputs"])}
        unchanged = record["record_sha256"] == record_digest(node) if node else False
        findings = [*record.get("findings", [])]
    except Exception:  # of a notebook that somebody else wrote, anything may be raised
        yield Mismatch(name, name, "says nothing of where it came from that can be read")
        return
    if not unchanged:
        yield Mismatch(name, name, "was changed after it was accepted")
    yield from (Mismatch(name, name, f"is not to be relied on: {finding}") for finding in findings)
    for path_stated, fact in facts.items():
        problem = _problem(fact, settings)
        if problem:
            yield Mismatch(name, str(path_stated), problem)
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
        return files.read_json(metrics).get(stage) if metrics.is_file() else None
    except (OSError, ValueError, AttributeError, RecursionError):
        return None


def _problem(fact: dict[str, Any], settings: Settings) -> str | None:
    """What is wrong with a file as stated. Only files below data, outputs and notebooks are read, and no device."""
    fault = file_fault(fact)
    if fault:
        return f"is stated in a way that cannot be verified: {fault}"
    name, names = fact["path"], fact.get("files") or []
    path = absolute_path(name, settings)
    if relative_name(path, settings) == str(path) or any(".." in Path(one).parts for one in (name, *names)):
        return "is outside of data, outputs and notebooks, and is not read"
    try:
        return _difference(path, fact)
    except (OSError, ValueError) as error:
        return f"cannot be read ({error})"


def _difference(path: Path, fact: dict[str, Any]) -> str | None:
    names = fact.get("files")
    if not path.exists() or not all((path / name).is_file() for name in names or []):
        return "is not there any more"
    if not path.is_dir() and not path.is_file():
        return "is no longer a file or a folder"
    is_as_stated = names is not None or files.size(path) == fact["bytes"]
    return None if is_as_stated and files.digest(path, names) == fact["sha256"] else "has other content now"
