"""Lock: a right that one process at a time has. On a disk the operating system keeps it; in a bucket it is a lease."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from galley.storage import files
from galley.storage.lease import Lease

_MOMENT = 0.2
"""Seconds to try a lock that is held: whoever asks `is_held` has it for an instant."""


_held = threading.local()
"""The locks that a thread holds, by their paths: taken twice, it would wait for itself."""


class FileLock:
    """A lock on a file, which the operating system lets go of when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def take(self, wait: bool = False) -> str | None:
        """Take it. Returns who has it, where another process does; not with `wait`."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = file = _opened(self._path)
        try:
            if wait:
                fcntl.flock(file, fcntl.LOCK_EX)
            elif not _tried(file):
                holder = os.pread(file, 200, 0).decode(errors="replace").strip()
                self.release()
                return holder or "another process"
            if fcntl.fcntl(file, fcntl.F_GETFL) & os.O_RDWR:
                os.ftruncate(file, 0)
                os.pwrite(file, f"process {os.getpid()} on {os.uname().nodename}\n".encode(), 0)
        except BaseException:  # the disk may be full; a lock that nobody uses would keep others out
            self.release()
            raise
        return None

    def confirm(self) -> None:
        """Nothing to do: no other process can have taken it."""

    def release(self) -> None:
        """Let it go."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def is_held(self) -> bool:
        """Whether a process has it."""
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False


def _opened(path: Path) -> int:
    """The lock's file, made if it is not there. One that another user made can be held, if not written to.

    Through no link: where kernels are another user they may make files beside it, and galley may write anywhere.
    """
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o644)
    except PermissionError:
        if not path.exists():
            raise
        return os.open(path, os.O_RDONLY | flags)


def _tried(file: int) -> bool:
    deadline = time.monotonic() + _MOMENT
    while time.monotonic() < deadline:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        time.sleep(0.01)
    return False


@contextmanager
def locked(target: Path) -> Iterator[FileLock | Lease]:
    """Wait for, and hold, the right to read `target` and write it anew. What killed processes left of it is removed.

    Whoever holds it, in one thread, may ask again.
    """
    path = target.with_name(f".{target.name}.lock")
    held: dict[str, FileLock | Lease] = _held.__dict__
    if str(path) in held:
        yield held[str(path)]
        return
    lock = lock_at(path)
    lock.take(wait=True)
    held[str(path)] = lock
    try:
        files.sweep_parts(target)
        yield lock
    finally:
        del held[str(path)]
        lock.release()


def lock_at(path: Path) -> FileLock | Lease:
    """The lock that is kept at a path."""
    return Lease(path) if files.is_remote(path) else FileLock(path)
