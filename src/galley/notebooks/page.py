"""Page: the report of a run, in bounded time; where it cannot be made, a short one that says so."""

import ctypes
import logging
import threading
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_notebook, new_raw_cell

from galley.errors import RecordLost, StageKilled
from galley.notebooks import render as rendering

log = logging.getLogger(__name__)

PAGE_SECONDS = 60.0
"""How long a page may take."""
PAGE_LIMIT = 200_000_000
"""Characters that a notebook may have for a page to be made of it."""
_SIGNAL_DELAY = 0.25
"""Seconds that a timeout or a signal may come late."""
_MESSAGE_LIMIT = 10_000


def make_page(node: NotebookNode, title: str, folder: Path | None = None, seconds: float = PAGE_SECONDS) -> str:
    """The page of an executed notebook, or a short one of how its run ended and why there is no more.

    Pictures are taken from `folder`, where the notebook is.
    So a page never changes how a run ended. What a timeout or a signal raises goes on.
    """
    try:
        size = _size(node)
        if size > PAGE_LIMIT:
            raise RecordLost(f"the notebook has {size:,} characters, and a page is made of {PAGE_LIMIT:,} at most")
        return _in_time(node, title, folder, seconds)
    except StageKilled:  # of a signal, while this waits
        raise
    except Exception as error:
        reason = str(error) or type(error).__name__
        log.warning("No whole page could be made of %s: %s", title, reason, exc_info=not isinstance(error, RecordLost))
        return _short_page(node, title, reason)


def _in_time(node: NotebookNode, title: str, folder: Path | None, seconds: float) -> str:
    made: dict[str, Any] = {}
    ended = threading.Event()

    def make() -> None:
        try:
            made["page"] = rendering.render(node, title, folder)
        except BaseException as error:  # it is raised where the page is waited for, if it still is
            made["error"] = error
        finally:
            ended.set()

    thread = threading.Thread(target=make, name="page", daemon=True)
    thread.start()
    try:
        slices = int(seconds / _SIGNAL_DELAY) + 1
        # In slices: a signal that comes just before a wait is not handled until that wait is over.
        if not any(ended.wait(_SIGNAL_DELAY) for _ in range(slices)):
            raise RecordLost(f"it was not done after {seconds:g} seconds")
    finally:
        if not ended.is_set():
            _abandon(thread)
    if "error" in made:
        raise made["error"]
    return str(made["page"])


def _abandon(thread: threading.Thread) -> None:
    """Have a thread end where it next runs Python, and the next page be made without what it uses."""
    rendering.forget_exporter()
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit))


def _short_page(node: NotebookNode, title: str, reason: str) -> str:
    known = node.metadata.get("galley")
    record = known if isinstance(known, dict) else {}
    ended = record.get("end")
    end = ended if isinstance(ended, dict) else {}
    note = f"The cells of this run could not be shown: {reason}\nThe notebook beside this page has them."
    short = new_notebook(cells=[new_raw_cell(note[:_MESSAGE_LIMIT])])
    short.metadata.galley = {
        "end": {
            "state": str(end.get("state", "unknown")),
            "message": str(end.get("message", ""))[:_MESSAGE_LIMIT],
        },
        "record_sha256": str(record.get("record_sha256", "")),
    }
    return rendering.render(short, title)


def _size(node: NotebookNode) -> int:
    return sum(len(cell.get("source", "")) + sum(map(_size_of_output, cell.get("outputs", []))) for cell in node.cells)


def _size_of_output(output: NotebookNode) -> int:
    parts = [output.get("text", ""), *output.get("traceback", []), *output.get("data", {}).values()]
    return sum(len(part) for part in parts if isinstance(part, str | list))
