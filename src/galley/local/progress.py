"""Progress: which DAG, which day, which stage, in what state, for how long, while someone waits."""

import shutil
import sys
import time
from collections.abc import Callable
from typing import TextIO

from galley.local.runs import DagRun, TaskRun

SHOWN = ("running", "awaiting_input", "deferred", "up_for_reschedule", "up_for_retry", "success", "skipped", "failed")
"""States worth a line; the others last for moments between these."""
UNDER_WAY = ("running", "awaiting_input", "deferred", "up_for_reschedule")


class Progress:
    """One line for each state that a stage comes to; on a terminal, what is under way is redrawn on the last line.

    `explain` says why a try of a task failed.
    """

    def __init__(self, explain: Callable[[DagRun, TaskRun], str], stream: TextIO | None = None) -> None:
        self.stream = stream or sys.stdout
        self._explain = explain
        self._redraws = self.stream.isatty()
        self._began = time.monotonic()
        self._seen: set[tuple[str, str, str, str | None, int]] = set()

    def say(self, text: str) -> None:
        """A line that stays."""
        self._erase()
        print(text, file=self.stream, flush=True)

    def tell(self, run: DagRun, text: str) -> None:
        """A line about a run that stays."""
        self.say(f"{self._elapsed()}  {run.dag_id:<14} {run.ds}  {text}".rstrip())

    def show(self, runs: list[DagRun]) -> None:
        """Tell what is new in these runs."""
        under_way = []
        for run in runs:
            for task in run.tasks_in_order:
                if task.state in UNDER_WAY:
                    under_way.append(f"{run.dag_id} {run.ds} {task.task_id} {_seconds(task)}")
                self._show_task(run, task)
        self.wait_for(", ".join(under_way) or "the scheduler")

    def wait_for(self, what: str) -> None:
        """Redraw the line that says what is waited for."""
        if self._redraws:
            width = shutil.get_terminal_size().columns - 1
            self._erase()
            print(f"{self._elapsed()}  ... {what}"[:width], end="", file=self.stream, flush=True)

    def end(self) -> None:
        """Leave no half line behind."""
        self._erase()

    def _show_task(self, run: DagRun, task: TaskRun) -> None:
        key = (run.dag_id, run.ds, task.task_id, task.state, task.try_number)
        if task.state not in SHOWN or key in self._seen:
            return
        self._seen.add(key)
        # A terminal shows what is under way on its last line.
        if self._redraws and task.state in UNDER_WAY:
            return
        took = "" if task.state in UNDER_WAY else _seconds(task)
        self.tell(run, f"{task.task_id:<14} {task.state:<17} {took:>8}")
        if task.state == "up_for_retry":
            self.say(self._explain(run, task))

    def _elapsed(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        return f"{minutes:>2}:{seconds:02}"

    def _erase(self) -> None:
        if self._redraws:
            print("\r\x1b[K", end="", file=self.stream, flush=True)


def _seconds(task: TaskRun) -> str:
    return "" if task.seconds is None else f"{task.seconds:.1f} s"
