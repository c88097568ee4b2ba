"""Metadata: what a notebook's file says beside its cells, read from the end of the file and not from all of it."""

import json
import os
from pathlib import Path
from typing import Any, BinaryIO

from galley.storage import files

_METADATA = b'\n "metadata": {'
"""How nbformat begins a notebook's own metadata: keys are sorted and indented by one, so `cells` come before it.

Nothing else in the file can look so: what is nested is indented further, and a string holds no line breaks.
"""
_FIRST_WINDOW = 16_384


def read_metadata(notebook: Path) -> dict[str, Any]:
    """The metadata of a notebook. Raises OSError, and ValueError or RecursionError for what is not a notebook."""
    with notebook.open("rb") if files.is_remote(notebook) else files.open_regular(notebook, os.O_NOFOLLOW) as stream:
        return _metadata(stream)


def _metadata(stream: BinaryIO) -> dict[str, Any]:
    """The notebook's metadata, from a window at the end that grows until it holds them."""
    size = stream.seek(0, os.SEEK_END)
    window = _FIRST_WINDOW
    while True:
        stream.seek(max(size - window, 0))
        tail = stream.read()
        begin = tail.rfind(_METADATA)
        if begin >= 0:
            return mapping(mapping(json.loads(b"{" + tail[begin:])).get("metadata"))
        if window >= size:
            return mapping(mapping(json.loads(tail)).get("metadata"))
        window *= 8


def mapping(value: object) -> dict[str, Any]:
    """The value if it is a mapping; an empty one for anything else, as foreign files may say."""
    return value if isinstance(value, dict) else {}
