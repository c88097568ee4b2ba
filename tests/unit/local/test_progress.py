"""What someone sees who waits."""

import io
from datetime import UTC, datetime, timedelta

from galley.local.progress import Progress
from galley.local.runs import DagRun, TaskRun

START = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def run_with(state, try_number=1):
    ended = None if state == "running" else START + timedelta(seconds=2.5)
    return DagRun("train_weekly", "r", "2026-11-23", "running", (TaskRun("split", state, try_number, START, ended),))


def lines_of(stream, *states):
    progress = Progress(explain=lambda *_: "    because", stream=stream)
    for state in states:
        progress.show([run_with(state)])
    progress.end()
    return stream.getvalue().splitlines()


def test_each_state_is_one_plain_line_however_often_it_is_seen():
    lines = lines_of(io.StringIO(), "queued", "running", "running", "success", "success")
    assert [line.split()[1:] for line in lines] == [
        ["train_weekly", "2026-11-23", "split", "running"],
        ["train_weekly", "2026-11-23", "split", "success", "2.5", "s"],
    ]


def test_a_retry_says_why():
    assert lines_of(io.StringIO(), "up_for_retry")[1] == "    because"


def test_a_terminal_keeps_what_ended_and_redraws_what_is_under_way():
    stream = Terminal()
    lines_of(stream, "running", "running", "success")
    shown = [part.rsplit("\x1b[K", 1)[-1] for part in stream.getvalue().split("\n")]
    assert len(shown) == 2
    assert "success" in shown[0]
    assert shown[1] == ""
