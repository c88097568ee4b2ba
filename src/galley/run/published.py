"""Published: the digests of an accepted run's notebook and page, kept beside them since no page can state its own.

outputs/<ds>/<dag_id>/03_fit.sha256     two lines that `sha256sum --check` reads too
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from galley.storage import files

SUFFIX = ".sha256"
SINCE = 2
"""The version of a run's record from which on there is such a file."""

_LINE = re.compile(r"(?P<digest>[0-9a-f]{64})  (?P<name>[^\n]+)", re.ASCII)
_LARGEST = 10_000


def digests(sources: Mapping[Path, Path]) -> dict[str, str]:
    """The digests of what is about to be published, by the names that it gets. Raises OSError."""
    return {target.name: hashlib.sha256(files.read_bytes(source)).hexdigest() for target, source in sources.items()}


def write(notebook: Path, said: Mapping[str, str]) -> None:
    """Keep the digests of an accepted notebook and its page, in one step."""
    text = "".join(f"{digest}  {name}\n" for name, digest in said.items())
    files.write_bytes(notebook.with_suffix(SUFFIX), text.encode())


def read(notebook: Path) -> dict[str, str] | None:
    """The digests beside an accepted notebook, by the names of the files; None if there is no such file.

    Raises OSError, and ValueError for what `write` did not write.
    """
    try:
        lines = files.read_regular(notebook.with_suffix(SUFFIX), _LARGEST).decode().splitlines()
    except FileNotFoundError:
        return None
    found = {match["name"]: match["digest"] for match in filter(None, map(_LINE.fullmatch, lines))}
    if len(found) < len(lines) or found.keys() != {notebook.name, notebook.with_suffix(".html").name}:
        raise ValueError("it does not hold the digests of a run")
    return found
