"""Executor: Airflow's LocalExecutor, whose tasks find done what each stage would import and compile anew."""

import importlib

from airflow.executors.local_executor import LocalExecutor

PRELOADED = (
    "galley.airflow.choices", "galley.airflow.deadline", "galley.airflow.defaults", "galley.airflow.notebook",
    "galley.airflow.release", "galley.airflow.review", "galley.airflow.sensors", "galley.run.execute",
    "galley.run.runner", "galley.kernels.warm.provisioner", "galley.project",
)  # fmt: skip
"""What DAGs of stages and the stages themselves import."""


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
