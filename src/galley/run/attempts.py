"""Attempts: where every run of a stage is kept, and how one of them becomes the accepted one.

    outputs/<ds>/<dag_id>/03_fit.ipynb .html .sha256       the accepted run, and the digests of its two files
    outputs/<ds>/<dag_id>/attempts/03_fit.try2.ipynb .html every run there was

A stage of one day has one run at a time: it holds a lock beside the attempts, which nobody holds any more when its
process has ended, however it ended. So an attempt that says "running" while nobody holds the lock was interrupted, and
whoever looks next says so in it.
"""

import errno
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from galley.errors import RecordLost, StageBusy
from galley.run import published, resources
from galley.storage import files
from galley.storage.lease import Lease
from galley.storage.lock import FileLock, lock_at

RUNNING = "running"
COMPLETED = "completed"
FAILED = "failed"
TIMED_OUT = "timed out"
KILLED = "killed"
INTERRUPTED = "interrupted"
REFUSED = "refused"
"""How an attempt can stand, as its notebook's metadata.galley.end.state says it."""
_LONGEST_NOTEBOOK = 1_000_000_000
"""Bytes of a notebook that is read."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Attempts:
    """The attempts of one stage of one day: `folder` has the accepted run, `name` is as in 03_fit."""

    folder: Path
    name: str

    @property
    def accepted(self) -> Path:
        """The notebook of the accepted run."""
        return self.folder / f"{self.name}.ipynb"

    @property
    def _attempts(self) -> Path:
        return self.folder / "attempts"

    def numbers(self) -> list[int]:
        """The numbers of the attempts there are, ascending."""
        pattern = re.compile(re.escape(self.name) + r"\.try(\d+)\.ipynb")
        matches = (pattern.fullmatch(name) for name in files.listed(self._attempts))
        return sorted(int(match[1]) for match in matches if match)

    def path(self, number: int) -> Path:
        """The notebook of an attempt."""
        return self._attempts / f"{self.name}.try{number}.ipynb"

    @contextmanager
    def exclusive(self) -> Iterator[FileLock | Lease]:
        """Hold the stage's lock. Raises StageBusy if another run has it, RecordLost if nothing can be written."""
        lock = self._lock
        try:
            holder = lock.take()
        except OSError as error:
            raise _lost(self._attempts, error) from error
        if holder is not None:
            raise StageBusy(
                f"{self.name} in {self.folder} is being run by {holder}. Wait for its end, then run it again."
            )
        try:
            yield lock
        except (OSError, MemoryError) as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                raise _lost(self._attempts, error) from error
            lacking = resources.exhausted(error)
            if lacking is None:
                raise
            raise lacking from error
        finally:
            lock.release()

    @property
    def _lock(self) -> FileLock | Lease:
        return lock_at(self._attempts / f".{self.name}.lock")

    def is_running(self) -> bool:
        """Whether some process runs the stage now."""
        return self._lock.is_held()

    def begin(self, node: NotebookNode) -> int:
        """Keep `node` as the next attempt and return its number; an attempt before it without an end is interrupted."""
        files.sweep(self._attempts, f"{self.name}.try")
        for suffix in (".ipynb", ".html", published.SUFFIX):
            files.sweep_parts(self.accepted.with_suffix(suffix))
        numbers = self.numbers()
        if numbers:
            try:
                self.mark_interrupted(numbers[-1])
            except Exception:  # whatever somebody made of it: the new attempt goes on
                log.warning("%s is left as it is", self.path(numbers[-1]), exc_info=True)
        number = numbers[-1] + 1 if numbers else 1
        self.save(number, node)
        return number

    def mark_interrupted(self, number: int) -> bool:
        """Say in an attempt that has no end, and that nobody runs any more, that it was interrupted.

        Only for whoever holds the lock or found `is_running` false. Returns whether there was anything to mark; a
        file that cannot be read, as a power cut may leave it, is kept as it is.
        """
        node = self.read(number)
        if node is None or not _says_running(node):
            return False
        node.metadata.galley.end = {
            "state": INTERRUPTED,
            "message": "The process that ran this stage ended without a word. The cells below stand as last saved.",
        }
        self.save(number, node)
        return True

    def read(self, number: int) -> NotebookNode | None:
        """The notebook of an attempt; None if it cannot be read, or is no file of a notebook's size."""
        path = self.path(number)
        try:
            return files.read_notebook(path) if files.is_file_up_to(path, _LONGEST_NOTEBOOK) else None
        except Exception:  # nbformat raises whatever its upgrade meets, RecursionError too
            return None

    def is_accepted(self, number: int) -> bool:
        """Whether the attempt is the accepted run."""
        path = self.path(number)
        return self.accepted.is_file() and path.is_file() and files.digest(self.accepted) == files.digest(path)

    def save(self, number: int, node: NotebookNode) -> None:
        """Write the attempt as it stands, whole. Raises RecordLost where that cannot be."""
        target = self.path(number)
        try:
            # A lone surrogate, which a cell may print, has no UTF-8; its escape is the same text in JSON.
            files.save(target, nbformat.writes(node).encode(errors="backslashreplace"))
        except OSError as error:
            raise _lost(target, error) from error

    def save_page(self, number: int, page: str) -> Path:
        """Write the attempt's HTML beside it, and return its path."""
        target = self.path(number).with_suffix(".html")
        try:
            files.save(target, page.encode(errors="backslashreplace"))
        except OSError as error:
            raise _lost(target, error) from error
        return target

    def publish(self, number: int) -> Path:
        """Make an attempt the accepted run, by one rename of its notebook; the page and the digests of both follow.

        Returns the notebook.
        """
        attempt, page = self.path(number), self.accepted.with_suffix(".html")
        try:
            digests = published.digests({self.accepted: attempt, page: attempt.with_suffix(".html")})
            files.publish(attempt, self.accepted)
            files.publish(attempt.with_suffix(".html"), page)
            published.write(self.accepted, digests)
        except OSError as error:
            raise _lost(self.accepted, error) from error
        return self.accepted


def _says_running(node: NotebookNode) -> bool:
    record = node.metadata.get("galley")
    end = record.get("end") if isinstance(record, dict) else None
    return isinstance(end, dict) and end.get("state") == RUNNING


def _lost(target: Path, error: OSError) -> RecordLost:
    usual = "Make room or fix the permissions, then run the stage again."
    advice = resources.advice(error.errno) if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM) else usual
    return RecordLost(
        f"The record of this run cannot be written to {target} ({error.strerror}). "
        f"Nothing that was accepted before is touched. {advice}"
    )
