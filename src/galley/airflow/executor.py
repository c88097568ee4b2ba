"""Executor: Airflow's LocalExecutor, whose tasks find done what a stage would import, and whose ends it waits for."""

import importlib
import logging
import subprocess
import sys

from airflow.executors.local_executor import LocalExecutor

log = logging.getLogger(__name__)

PRELOADED = (
    "galley.airflow.choices", "galley.airflow.deadline", "galley.airflow.defaults", "galley.airflow.notebook",
    "galley.airflow.release", "galley.airflow.review", "galley.airflow.sensors", "galley.run.execute",
    "galley.run.runner", "galley.kernels.warm.provisioner", "galley.project",
)  # fmt: skip
"""What DAGs of stages and the stages themselves import."""
_WAIT = 1.0
"""Seconds for which the scheduler waits here for a task to end, rather than asleep."""


class StageExecutor(LocalExecutor):
    """Forks the processes that run tasks from one that has all imports of a stage done.

    Each task is a process forked from those, which would spend more than half a second of a processor on them.
    """

    _ahead: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Have the servers of warm kernels started, import, then fork."""
        self._start_ahead()
        for name in PRELOADED:
            importlib.import_module(name)
        from galley.notebooks.render import prepare

        prepare()
        super().start()

    def sync(self) -> None:
        """Wait for the end of a task while one runs: the scheduler would sleep, and the next task wait for that."""
        if self._ahead is not None and self._ahead.poll() is not None:
            self._ahead = None  # it was waited for, and leaves no zombie
        if self.running:
            self.result_queue._reader.poll(_WAIT)  # type: ignore[attr-defined]
        super().sync()

    def _start_ahead(self) -> None:
        # A process of its own: with a thread beside it, what is forked here would not be sound.
        try:
            self._ahead = subprocess.Popen(
                [sys.executable, "-m", "galley.kernels.warm.ahead"], stdin=subprocess.DEVNULL
            )
        except OSError as error:
            log.warning("The servers of warm kernels are not started ahead: %s", error)
