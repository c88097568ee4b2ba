"""The lock: one command at a time works on an embedded Airflow, because they would share its database."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from galley.local.errors import AlreadyRunning


@contextmanager
def exclusive(path: Path, command: str) -> Iterator[None]:
    """Hold the lock for a command; raises AlreadyRunning, with the name of the other one, if it is held.

    It belongs to the process and not to the file: however the process ends, the lock is free again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another command"
            raise AlreadyRunning(
                f"{holder} works on {path.parent}, and two at once would share its database. "
                "Wait until it is done, or stop it with Ctrl-C where it runs."
            ) from None
        file.truncate(0)
        file.write(f"`{command}` (process {os.getpid()})\n")
        file.flush()
        yield
