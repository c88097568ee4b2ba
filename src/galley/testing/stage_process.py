"""A process that runs one stage, to be killed: forked from one that has the imports behind it."""

import ctypes
import multiprocessing
import os
import sys
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path

from galley.run.execute import StageRun
from galley.run.runner import execution_of
from galley.settings import Settings
from galley.storage import lease

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["galley.run.runner"])
_SET_CHILD_SUBREAPER = 36


def start(
    asked: StageRun,
    settings: Settings,
    environment: Mapping[str, str] | None = None,
    beat: float = lease.BEAT,
    timeout: float = lease.TIMEOUT,
) -> BaseProcess:
    """Start a process of its own for a stage; seconds of a lease, where its record is in a bucket."""
    # The process that forks has the environment of its own start, and tests change this one's.
    given = {**os.environ, **(environment or {})}
    process = _FORKS.Process(target=_run, args=(asked, settings, given, beat, timeout))
    process.start()
    return process


def _run(asked: StageRun, settings: Settings, environment: Mapping[str, str], beat: float, timeout: float) -> None:
    lease.BEAT, lease.TIMEOUT = beat, timeout
    os.environ.update(environment)
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - until the process ends, and what it says then
    execution_of(asked, settings).run()


def adopt_orphans() -> None:
    """Make this process the parent of processes whose own one dies, as a supervisor or a desktop's session is."""
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
