"""How a failed run is described."""

import json
import os
from datetime import UTC, datetime

import pytest

from galley.local import failure
from galley.local.runs import DagRun, TaskRun

START = datetime(2026, 11, 23, 12, tzinfo=UTC)
TASK = TaskRun("split", "failed", 1, START, START)
RUN = DagRun(
    "train_weekly", "a_run", "2026-11-23", "failed", (TASK, TaskRun("train", "upstream_failed", 0, None, None))
)


@pytest.fixture
def log(settings):
    """Writes the lines of the failed task's log."""

    def write(*entries):
        file = failure.log_file(RUN, TASK, settings)
        file.parent.mkdir(parents=True)
        file.write_text("\n".join(entry if isinstance(entry, str) else json.dumps(entry) for entry in entries))
        return file

    return write


def test_the_message_names_task_error_and_log(log, settings):
    detail = [{"exc_type": "ContractBreach", "exc_value": "data.csv: a column is missing.\nAsk for it."}]
    file = log({"level": "info", "event": "on"}, {"level": "error", "event": "Task failed", "error_detail": detail})
    text = failure.describe(RUN, settings)
    assert "train_weekly 2026-11-23: split failed at try 1." in text
    assert "ContractBreach: data.csv: a column is missing.\n    Ask for it." in text
    assert str(file) in text


@pytest.mark.parametrize("state", ["success", "failed"])
def test_a_run_without_tasks_did_nothing_and_the_message_says_why(settings, state):
    run = DagRun("train_weekly", "a_run", "2012-12-31", state, ())
    assert run.did_nothing
    assert "train_weekly 2012-12-31 did nothing" in failure.describe(run, settings)
    assert not RUN.did_nothing


def test_the_error_is_found_among_what_was_logged_after_it(log):
    detail = [{"exc_type": "ValueError", "exc_value": "the reason"}]
    file = log({"level": "error", "event": "x", "error_detail": detail}, {"level": "error", "event": "exit code 1"})
    assert failure.error_lines(file) == ["ValueError: the reason"]


def test_a_log_that_is_not_json_or_not_there_does_no_harm(log, tmp_path):
    assert failure.error_lines(log("plain text", "[1, 2]", '"text"', {"level": "error", "event": "said"})) == ["said"]
    assert failure.error_lines(tmp_path / "none.log") == []


def test_the_report_is_that_of_this_try(settings):
    attempts = settings.outputs / "2026-11-23" / "train_weekly" / "attempts"
    attempts.mkdir(parents=True)
    for name in ("02_split.try1.html", "02_split.try2.html", "03_train.try1.html"):
        (attempts / name).touch()
    os.utime(attempts / "02_split.try1.html", (0, 0))
    assert failure.report_file(RUN, TASK, settings) == attempts / "02_split.try2.html"


def test_a_page_from_before_this_try_is_not_its_report(settings):
    page = settings.outputs / "2026-11-23" / "train_weekly" / "attempts" / "02_split.try1.html"
    page.parent.mkdir(parents=True)
    page.touch()
    os.utime(page, (0, 0))
    assert failure.report_file(RUN, TASK, settings) is None
