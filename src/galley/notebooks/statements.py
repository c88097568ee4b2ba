"""Statements: what the notebooks of a day that were accepted say that they wrote, by file."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from galley.storage import bucket, files

MIME_TYPE = "application/vnd.galley+json"
"""Of what a stage states, as an output of its own notebook."""

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# As nbformat writes them. Within a string the quotes would be escaped, and there are no line breaks.
_METADATA = '\n "metadata": {'
_STATEMENT = re.compile(rf'"{re.escape(MIME_TYPE)}": (?=\{{)')
_DECODER = json.JSONDecoder()


class Written(NamedTuple):
    """Which notebook wrote a file, as in <dag_id>/01_<stage>, and the digest that it stated."""

    by: str
    sha256: str


def dated(path: Path) -> str:
    """The day that a file is of, by the folders that it is in; empty if they name none."""
    return next(filter(_DATE.fullmatch, reversed(path.parts)), "")


def written(reports: Path) -> dict[str, Written]:
    """The files that the accepted notebooks in a day's folder of reports stated as written, by name; the last counts.

    A notebook that cannot be read states nothing.
    """
    said = sorted((statement for path in _accepted(reports) for statement in _outputs(path)), key=lambda one: one[0])
    return {name: Written(by, sha256) for _, name, by, sha256 in said}


def _accepted(reports: Path) -> Iterator[Path]:
    """The notebooks at the top of each DAG's folder; attempts are further down."""
    for folder in bucket.folders(reports) if files.is_remote(reports) else files.listed(reports):
        for name in files.listed(reports / folder) if (reports / folder).is_dir() else ():
            if name.endswith(".ipynb"):
                yield reports / folder / name


def _outputs(path: Path) -> Iterator[tuple[str, str, str, str]]:
    """When the run began, and each file that it wrote: its name, the notebook's, and the digest."""
    try:
        content = files.read_bytes(path).decode()
        metadata = json.loads("{" + content[content.rindex(_METADATA) :])["metadata"]
        began, by = str(metadata["galley"]["started"]), f"{path.parent.name}/{path.stem}"
        for facts in _facts(content):
            for name, sha256 in facts.get("digests", {"": facts["sha256"]}).items():
                yield began, "/".join(filter(None, (facts["path"], name))), by, sha256
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return


def _facts(content: str) -> Iterator[dict[str, Any]]:
    """What a notebook states as written, decoded by itself: its pictures are most of its text."""
    for found in _STATEMENT.finditer(content):
        facts, _ = _DECODER.raw_decode(content, found.end())
        if facts.get("kind") == "output":
            yield facts
