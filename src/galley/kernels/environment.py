"""The environment: the Python that a notebook runs in and the libraries it has, so that a change of theirs is seen."""

import platform
import re
import sys
from pathlib import Path
from typing import Any


def environment() -> dict[str, Any]:
    """The version of Python and, by name, of each library that can be imported here."""
    return {"python": platform.python_version(), "libraries": libraries(sys.path)}


def libraries(folders: list[str]) -> dict[str, str]:
    """The versions of what is installed in the folders, by normalised name; the first folder that has one counts.

    Read from the names of the .dist-info folders, which the packaging standard fixes: importlib.metadata opens a file
    for each of them.
    """
    found: dict[str, str] = {}
    for folder in folders:
        for info in sorted(Path(folder).glob("*.dist-info")):
            name, _, version = info.stem.rpartition("-")
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    return dict(sorted(found.items()))
