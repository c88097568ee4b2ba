"""A process that runs one stage, for tests that kill it: forked from one that has the imports behind it."""

import ctypes
import multiprocessing
import os
import sys
from pathlib import Path

from galley.run.runner import execution_of
from galley.storage import lease

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["galley.run.runner"])
_SET_CHILD_SUBREAPER = 36


def start(asked, settings, beat=lease.BEAT, patience=lease.PATIENCE) -> multiprocessing.Process:
    """Start a process of its own for a stage; seconds of a lease, where its record is in a bucket."""
    # The process that forks has the environment of its own start, and tests change this one's.
    process = _FORKS.Process(target=_run, args=(asked, settings, dict(os.environ), beat, patience))
    process.start()
    return process


def _run(asked, settings, environment, beat, patience) -> None:
    lease.BEAT, lease.PATIENCE = beat, patience
    os.environ.update(environment)
    with Path(os.devnull).open("w") as nowhere:
        sys.stderr = nowhere
        execution_of(asked, settings).run()


def adopt_orphans() -> None:
    """Make this process the parent of processes whose own one dies, as a supervisor or a desktop's session is."""
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
