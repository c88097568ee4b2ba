"""What a cell states that is no statement is a finding; and no former attempt fails or hangs the next run."""

import json
import os
import re
from pathlib import Path

import nbformat
import pytest
from desk_of_stages import DS, end_of, read

from galley.days import Day
from galley.errors import StageFailed
from galley.proof.verify import verify
from galley.run.attempts import RUNNING
from galley.stage import MIME_TYPE

DIGEST = "0" * 64
STATES = (
    "from IPython.display import display\ndisplay({'application/vnd.galley+json': %s, 'text/plain': 'said'}, raw=True)"
)
DEEP = "said = {}\nfor _ in range(%s):\n    said = {'a': said}\n"
CONCLUDES = "from galley.stage import Stage\nStage(ds).conclude(rows=3)"


@pytest.mark.parametrize(
    ("said", "finding"),
    [
        ("5", "5 is not an object"),
        ("{}", "its kind is None"),
        ("{'kind': ['input']}", "its kind is ['input']"),
        ("{'kind': 'input'}", "it has no path"),
        (f"{{'kind': 'input', 'path': 'data/x', 'sha256': '{DIGEST}'}}", "it has no bytes"),
        (f"{{'kind': 'output', 'path': 5, 'sha256': '{DIGEST}', 'bytes': 1}}", "its path is 5"),
        ("{'kind': 'conclusion', 'values': [1]}", "its values is [1]"),
        ("{'kind': 'day', 'environment': 'x'}", "its environment is 'x'"),
    ],
)
def test_a_statement_that_is_none_is_a_finding_in_the_record_and_on_the_page(desk, said, finding):
    outcome = desk.run(CONCLUDES, STATES % said)
    record = read(outcome.notebook).metadata.galley
    assert record.end.state == "completed"
    assert outcome.conclusion == {"rows": 3}
    assert len(record.findings) == 1
    assert record.findings[0].startswith("cell 4 states something that galley cannot read: ")
    assert finding in record.findings[0]
    assert "cell 4 states something that galley cannot read" in outcome.page.read_text()
    (found,) = verify(Day.of(DS, desk.settings))
    assert finding in str(found)


EVERY_KIND = """
from galley.stage import Stage
stage = Stage(ds)
with stage.write(stage.day.raw / "data.csv") as path:
    path.write_text("1")
stage.read(stage.day.raw / "data.csv")
with stage.write(stage.day.models) as folder:
    folder.mkdir()
    (folder / "model").write_text("1")
stage.conclude(rows=1)
"""


def test_the_reference_lists_all_that_an_executed_notebook_holds(desk):
    page = (Path(__file__).parents[2] / "docs/reference.md").read_text().partition("## What a notebook holds")[2]
    node = read(desk.run(EVERY_KIND).notebook)
    stated = [output.data[MIME_TYPE] for cell in node.cells for output in cell.get("outputs", ()) if "data" in output]
    keys = {key for statement in stated for key in statement} | {statement["kind"] for statement in stated}
    assert MIME_TYPE in page
    assert [key for key in sorted(keys) if f"`{key}`" not in page] == []
    rows = page.partition("| key of `metadata.galley` |")[2].splitlines()[2:]
    listed = {key for row in rows for key in re.findall(r"`(\w+)`", row.split(" | ")[0])}
    assert listed == set(node.metadata.galley)


def test_a_statement_that_is_nested_deep_is_a_finding(desk):
    outcome = desk.run(DEEP % 600 + STATES % "said", CONCLUDES)
    assert "nested more than 100 levels" in read(outcome.notebook).metadata.galley.findings[0]


def test_an_output_that_is_nested_deep_is_left_out_with_a_note(desk):
    outcome = desk.run(DEEP % 600 + "from IPython.display import JSON, display\ndisplay(JSON(said))")
    assert "[galley left out application/json: its JSON is nested" in outcome.page.read_text()


def test_an_output_too_deep_to_be_read_fails_its_cell_with_a_word_on_why(desk):
    with pytest.raises(StageFailed, match="nested too deep"):
        desk.run("import sys\nsys.setrecursionlimit(100_000)\n" + DEEP % 5000 + STATES % "said")
    end = end_of(desk.attempts().path(1))
    assert (end["state"], end["cell"]) == ("failed", 2)


FORMER = {
    "no object": lambda node: node.metadata.update(galley=5),
    "no end": lambda node: node.metadata.galley.update(end=[]),
    "a file of nothing": lambda node: node.metadata.galley.update(inputs=[5]),
    "a conclusion of numbers": lambda node: node.metadata.galley.update(conclusion=[1]),
    "200,000 elements": lambda node: node.cells[-1].outputs.append(
        nbformat.v4.new_output("display_data", data={"text/html": "<div>" * 200_000})
    ),
    "says running": lambda node: node.metadata.galley.update(end={"state": RUNNING}, inputs=[5]),
}


@pytest.mark.parametrize("spoil", FORMER.values(), ids=FORMER)
def test_a_former_attempt_that_was_spoilt_stops_nobody(desk, spoil):
    desk.run("1")
    attempt = desk.attempts().path(1)
    node = read(attempt)
    spoil(node)
    nbformat.write(node, attempt)
    attempt.with_suffix(".html").unlink()
    assert desk.run("2").attempt == 2
    assert attempt.with_suffix(".html").is_file()


@pytest.mark.parametrize("content", ["a pipe", "deep JSON", "zeroes"])
def test_a_former_attempt_that_cannot_be_read_stops_nobody(desk, content):
    desk.run("1")
    attempt = desk.attempts().path(1)
    attempt.unlink()
    if content == "a pipe":
        os.mkfifo(attempt)
    elif content == "zeroes":
        attempt.symlink_to("/dev/zero")
    else:
        attempt.write_text('{"metadata": ' + '{"a": ' * 5000 + "1" + "}" * 5001)
    assert desk.run("2").attempt == 2


@pytest.fixture
def state(desk):
    """Writes into the record of an accepted run that it read this; returns what `verify` finds."""

    def do(**fact):
        desk.run(CONCLUDES)
        path = desk.attempts().accepted
        node = json.loads(path.read_text())
        node["metadata"]["galley"]["inputs"] = [{"sha256": DIGEST, "bytes": 0, **fact}]
        path.unlink()  # it is the attempt's file too
        path.write_text(json.dumps(node))
        return [str(found) for found in verify(Day.of(DS, desk.settings))]

    return do


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        ("/dev/zero", "outside of data, outputs and notebooks"),
        ("data/../../../../../../dev/zero", "outside of data, outputs and notebooks"),
        ("data/zero", "is no longer a file or a folder"),
        ("data/pipe", "is no longer a file or a folder"),
        ("data/" + "x" * 3000, "cannot be read"),
        ("data/\0", "cannot be verified"),
        ("data/nobody", "is not there any more"),
    ],
    ids=["device", "dots", "link", "pipe", "long", "nul", "gone"],
)
def test_verify_reads_only_files_below_the_roots(desk, state, path, problem):
    desk.settings.data.mkdir(parents=True)
    (desk.settings.data / "zero").symlink_to("/dev/zero")
    os.mkfifo(desk.settings.data / "pipe")
    found = state(path=path)
    assert len(found) == 2, found  # the notebook was changed, too
    assert problem in found[1]


def test_verify_names_what_states_no_size(state):
    assert "its bytes is None" in state(path="data/x", bytes=None)[1]


@pytest.mark.parametrize("content", ['{"cells": ' + "[" * 100_000, "[]", "5"])
def test_verify_names_a_notebook_that_is_none(desk, content):
    desk.run(CONCLUDES)
    desk.attempts().accepted.unlink()
    desk.attempts().accepted.write_text(content)
    (found,) = verify(Day.of(DS, desk.settings))
    assert "says nothing of where it came from that can be read" in str(found)


def test_verify_does_not_wait_for_a_pipe(desk):
    desk.run(CONCLUDES)
    metrics = desk.reports / "metrics.json"
    metrics.unlink()
    os.mkfifo(metrics)
    os.mkfifo(desk.reports / "02_pipe.ipynb")
    assert {found.name for found in verify(Day.of(DS, desk.settings))} == {
        f"outputs/{DS}/dag/metrics.json",
        f"outputs/{DS}/dag/02_pipe.ipynb",
    }
