"""What a task and the container of its stage say to each other arrives as it was said."""

import json
import logging
from pathlib import Path

import pytest

from galley.errors import ContractBreach, MissingInput
from galley.run.container import messages
from galley.run.container.messages import Request, Unspoken
from galley.run.execute import Outcome, StageRun

ASKED = StageRun(
    notebook=Path("/notebooks/größe.ipynb"),
    parameters={"ds": "2026-11-23", "rows": 3, "settings": {"a": [None, True, 0.5]}},
    reports=Path("/outputs/2026-11-23/dag"),
    name="01_stage",
    title="dag · stage",
    kernel="data",
    run={"run_id": "manual__1", "try_number": 2},
    git={"git_commit": "abc", "git_clean": True},
    environment={"MLFLOW_TRACKING_PASSWORD": "hunter2"},
)


class ChurnBreach(ContractBreach):
    """A project's own."""


def test_a_request_arrives_as_it_was_asked_in_one_line():
    line = Request(ASKED, {"MLFLOW_TRACKING_PASSWORD": "a\nb"}).line()
    assert line.count(b"\n") == 1
    assert Request.of(line) == Request(ASKED, {"MLFLOW_TRACKING_PASSWORD": "a\nb"})


def test_what_is_asked_for_shows_none_of_its_variables():
    assert "hunter2" not in repr(ASKED)


def test_a_value_that_no_json_holds_arrives_as_what_it_looks_like_and_as_nothing_that_a_notebook_takes():
    heard = Request.of(Request(StageRun(**{**vars(ASKED), "parameters": {"ds": {1, 2}}}), {}).line())
    assert isinstance(heard.asked.parameters["ds"], Unspoken)
    assert repr(heard.asked.parameters["ds"]) == "{1, 2}"


def test_an_outcome_arrives_with_the_page_of_its_attempt():
    outcome = Outcome({"rows": 3}, Path("/o/01.ipynb"), Path("/o/01.html"), 2)
    answer = json.loads(messages.completed(outcome, Path("/o/attempts/01.try2.html")))
    assert messages.outcome_of(answer) == outcome
    assert answer["page"] == "/o/attempts/01.try2.html"


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (MissingInput("no data"), MissingInput, "no data"),
        (ChurnBreach("no customers"), ContractBreach, "no customers"),
        (KeyError("x"), RuntimeError, "KeyError: 'x'"),
    ],
    ids=["galley's", "below galley's", "another"],
)
def test_an_error_arrives_as_the_class_that_it_was_and_another_as_one_that_says_its_name(error, kind, said):
    answer = json.loads(messages.failed(error, None))
    with pytest.raises(kind) as raised:
        messages.outcome_of(answer)
    assert type(raised.value) is kind
    assert str(raised.value) == said


def test_a_record_of_the_log_arrives_whole_and_of_its_level_and_other_lines_as_they_are():
    record = logging.LogRecord("galley", logging.ERROR, "", 0, "cell %s:\n%s", (3, "Traceback"), None)
    line = messages.LogLine("%(message)s").format(record)
    assert "\n" not in line
    assert messages.log_record(line) == (logging.ERROR, "cell 3:\nTraceback")
    assert messages.log_record("{}") == (logging.INFO, "{}")
