"""Runs: what Airflow says about a DAG's run for a day and about its tasks."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class TaskRun:
    """The latest try of one task."""

    task_id: str
    state: str | None
    try_number: int
    start: datetime | None
    end: datetime | None

    @property
    def seconds(self) -> float | None:
        """How long the try took, or has been taking; None before it starts."""
        return None if self.start is None else ((self.end or datetime.now(UTC)) - self.start).total_seconds()


@dataclass(frozen=True)
class DagRun:
    """One DAG's run for one day, with its tasks."""

    dag_id: str
    run_id: str
    ds: str
    state: str
    tasks: tuple[TaskRun, ...]

    @property
    def did_nothing(self) -> bool:
        """Whether it ended without a task."""
        return self.state in ("success", "failed") and not self.tasks

    @property
    def failed_tasks(self) -> list[TaskRun]:
        """Tasks that failed themselves, the first to fail first."""
        failed = [task for task in self.tasks if task.state == "failed"]
        return sorted(failed, key=lambda task: task.end or datetime.max.replace(tzinfo=UTC))

    @property
    def tasks_in_order(self) -> list[TaskRun]:
        """Tasks as they ran; those that never started come last."""
        return sorted(self.tasks, key=lambda task: task.start or datetime.max.replace(tzinfo=UTC))
