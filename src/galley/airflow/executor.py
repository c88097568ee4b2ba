"""Executor: Airflow's LocalExecutor, whose tasks find done what a stage would import, and whose ends it waits for."""

import importlib

from airflow.executors.local_executor import LocalExecutor

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

    def start(self) -> None:
        """Import, then fork."""
        for name in PRELOADED:
            importlib.import_module(name)
        from galley.notebooks.render import prepare

        prepare()
        super().start()

    def sync(self) -> None:
        """Wait for the end of a task while one runs: the scheduler would sleep, and the next task wait for that."""
        if self.running:
            self.result_queue._reader.poll(_WAIT)  # type: ignore[attr-defined]
        super().sync()
