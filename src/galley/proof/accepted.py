"""Accepted: one accepted run, checked. Its notebook, page, numbers and files against what the run recorded of them."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from galley.errors import GalleyError
from galley.notebooks.names import stage_of
from galley.proof.check import Finding, Kind
from galley.run import published
from galley.run.provenance import record_digest
from galley.run.statements import file_fault
from galley.settings import Settings, absolute_path, relative_name
from galley.storage import files

UNREADABLE = "says nothing of where it came from that can be read"
OTHER_NUMBERS = "says something else than the notebook concluded"

LARGEST = 1_000_000_000
"""Bytes of a notebook or a page that is read."""
_LONGEST_NAME = 300
"""Characters of a name that a finding shows."""


def faults(notebook: Path, numbers: Mapping[str, Any], settings: Settings) -> list[Finding]:
    """What is no longer as the run of an accepted notebook left it. `numbers` is what metrics.json says of each stage.

    Whatever the notebook states: no device or pipe is read, and nothing outside of data, outputs and notebooks.
    """
    found: list[Finding] = []
    try:
        found.extend(_faults(notebook, numbers, settings))
    except GalleyError:  # the store does not answer
        raise
    except Exception:  # of a notebook that somebody else wrote, anything may be raised
        found.append(_changed(relative_name(notebook, settings), UNREADABLE))
    return found


def digest_is_kept(notebook: Path) -> bool:
    """Whether its page's own digest stands beside an accepted notebook, as it does since record version 2."""
    try:
        return bool(published.read(notebook))
    except (OSError, ValueError):
        return True  # a finding says what is wrong with it


def _faults(notebook: Path, numbers: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    name = relative_name(notebook, settings)
    content = files.read_regular(notebook, LARGEST)
    node: NotebookNode = nbformat.reads(content.decode(), as_version=4)
    record = node.metadata.galley
    digests, unread = _digests(notebook, record, settings)
    if record["record_sha256"] != record_digest(node):
        yield _changed(name, "was changed after it was accepted")
    elif digests and digests.get(notebook.name) != hashlib.sha256(content).hexdigest():
        yield _changed(name, "is not the file that its run published")
    yield from (_changed(name, f"is not to be relied on: {finding}") for finding in record.get("findings", []))
    yield from _files_changed(record, name, settings)
    yield from unread
    yield from _page_changed(notebook.with_suffix(".html"), digests, record, settings)
    stage = stage_of(notebook.stem)
    if stage not in numbers or numbers[stage] != record["conclusion"]:
        yield _changed(relative_name(notebook.with_name("metrics.json"), settings), f"{OTHER_NUMBERS} ({name})")


def _digests(notebook: Path, record: Mapping[str, Any], settings: Settings) -> tuple[dict[str, str], list[Finding]]:
    """The digests that the run kept, and what is wrong with them; none of a run before there were such."""
    name = relative_name(notebook.with_suffix(published.SUFFIX), settings)
    try:
        found = published.read(notebook)
    except (OSError, ValueError) as error:
        return {}, [_changed(name, f"cannot be read ({error})")]
    version = record.get("version")
    is_missing = found is None and isinstance(version, int) and version >= published.SINCE
    return found or {}, [_changed(name, "is not there, and its run wrote it")] if is_missing else []


def _page_changed(
    page: Path, digests: Mapping[str, str], record: Mapping[str, Any], settings: Settings
) -> list[Finding]:
    """By its own digest; where the run kept none, by whether the page names the notebook's."""
    name = relative_name(page, settings)
    try:
        content = files.read_regular(page, LARGEST)
    except FileNotFoundError:
        return [_changed(name, "is not there")]
    except (OSError, ValueError) as error:
        return [_changed(name, f"cannot be read ({error})")]
    if digests:
        is_own = digests.get(page.name) == hashlib.sha256(content).hexdigest()
        return [] if is_own else [_changed(name, "has other content than its run published")]
    is_named = str(record["record_sha256"]).encode(errors="replace") in content
    return [] if is_named else [_changed(name, "was not rendered from this notebook")]


def _files_changed(record: Mapping[str, Any], name: str, settings: Settings) -> Iterator[Finding]:
    """What differs of the files that the run read and wrote, the last word on each, and of the notebook it ran."""
    stated = {fact["path"]: fact for fact in (*record["inputs"], *record["outputs"])}
    for path, fact in stated.items():
        problem = _problem(fact, settings)
        if problem:
            yield _changed(str(path), f"{problem} (recorded by {name})")
    source = record["source"]
    path = absolute_path(source["path"], settings)
    problem = _problem({**source, "files": None, "bytes": files.size(path) if path.is_file() else 0}, settings)
    if problem and source["path"] not in stated:
        yield Finding(Kind.MOVED_ON, _shown(source["path"]), f"{problem} (recorded by {name})")


def _problem(fact: Mapping[str, Any], settings: Settings) -> str | None:
    """What is wrong with a file as stated. Only files below data, outputs and notebooks are read, and no device."""
    fault = file_fault(fact)
    if fault:
        return f"is stated in a way that cannot be verified: {fault}"
    name, names = fact["path"], list(map(Path, fact.get("files") or []))
    path = absolute_path(name, settings)
    leads_out = ".." in Path(name).parts or any(one.is_absolute() or ".." in one.parts for one in names)
    if leads_out or relative_name(path, settings) == str(path):
        return "is outside of data, outputs and notebooks, and is not read"
    if len(set(names)) < len(names):  # a file that is named often would be read as often
        return "is stated in a way that cannot be verified: it names a file twice"
    try:
        return _difference(path, fact)
    except (OSError, ValueError) as error:
        return f"cannot be read ({error})"


def _difference(path: Path, fact: Mapping[str, Any]) -> str | None:
    names = fact.get("files")
    if not path.exists() or not all((path / name).is_file() for name in names or []):
        return "is not there any more"
    if not path.is_dir() and not path.is_file():
        return "is no longer a file or a folder"
    here = files.local(path)
    size = files.size(here) if names is None else sum((here / name).stat().st_size for name in names)
    is_as_stated = size == fact["bytes"] and files.digest(here, names) == fact["sha256"]
    return None if is_as_stated else "has other content now"


def _changed(name: str, problem: str) -> Finding:
    return Finding(Kind.CHANGED, _shown(name), problem)


def _shown(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"
