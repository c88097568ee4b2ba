"""A process that runs one stage, for tests that kill it: forked from one that has the imports behind it."""

import ctypes
import multiprocessing
import os
import sys
from pathlib import Path

from galley.runner import execution_of

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["galley.runner"])
_SET_CHILD_SUBREAPER = 36


def start(asked, settings) -> multiprocessing.Process:
    """Start a process of its own for a stage."""
    # The process that forks has the environment of its own start, and tests change this one's.
    process = _FORKS.Process(target=_run, args=(asked, settings, dict(os.environ)))
    process.start()
    return process


def _run(asked, settings, environment) -> None:
    os.environ.update(environment)
    with Path(os.devnull).open("w") as nowhere:
        sys.stderr = nowhere
        execution_of(asked, settings).run()


def adopt_orphans() -> None:
    """Make this process the parent of processes whose own one dies, as a supervisor or a desktop's session is."""
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
