"""Prints: what a cell prints, in the task's log as it comes, line by line and bounded; the report has all of it."""

import logging

from galley.notebooks.stream import collapse, last_state, plain

log = logging.getLogger(__name__)

_LINES = 1000
"""Lines that a cell may put into the log."""
_LENGTH = 1000
"""Characters of a line of the log."""


class Prints:
    """The lines of one cell; of a line that is written over, as a progress bar is, the last state."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._begun = {"stdout": "", "stderr": ""}
        self._count = 0

    def take(self, stream: str, text: str) -> None:
        """Log the lines that are whole now."""
        *whole, begun = (self._begun.get(stream, "") + text).split("\n")
        for line in whole:
            self._log(line)
        # Of what has no end yet, no more than could be logged.
        self._begun[stream] = collapse(begun)[-_LENGTH:]

    def end(self) -> None:
        """Log what was begun, as the cell has ended."""
        for begun in self._begun.values():
            self._log(begun)

    def _log(self, line: str) -> None:
        shown = plain(last_state(line)).rstrip()[:_LENGTH]
        if not shown:
            return
        self._count += 1
        if self._count <= _LINES:
            log.info("cell %s: %s", self._number, shown)
        elif self._count == _LINES + 1:
            log.info("cell %s prints more than %s lines; the report has the rest", self._number, _LINES)
