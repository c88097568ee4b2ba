"""The index tells what outputs hold, from names of folders and the ends of notebooks."""

import os
from datetime import UTC, datetime

import nbformat
import pytest

from galley.reports.index import Index
from galley.reports.key_metric import key_metric
from galley.reports.record import Record
from galley.reports.report_path import ReportPath
from galley.reports.search import DAYS, Filter, Page, search
from galley.run.attempts import Attempts
from galley.storage import bucket, files

DS, DAG = "2026-11-23", "train"


def states(outputs, ds=DS, dag_id=DAG):
    return {stage.label: stage.state for stage in outputs.index.dag_day(ds, dag_id).stages}


def days_of(page):
    return [ds for ds, _ in page.days]


def look(outputs, may_read=lambda _: True, awaiting=(), before="", decided=None, **wanted):
    return search(outputs.index, Filter(**wanted), may_read, awaiting, before, decided or {})


def test_a_stage_stands_as_its_newest_attempt_ended(outputs_anywhere):
    outputs_anywhere.run(DS, DAG, "01_prepare", "failed")
    outputs_anywhere.run(DS, DAG, "01_prepare")
    outputs_anywhere.run(DS, DAG, "02_split")
    outputs_anywhere.run(DS, DAG, "02_split", "timed out")
    assert states(outputs_anywhere) == {"prepare": "accepted", "split": "timed out"}


def test_days_are_found_by_what_was_decided(outputs_anywhere):
    for ds, decision in (("2026-11-16", "Approve"), (DS, "Reject")):
        outputs_anywhere.run(ds, DAG, "01_prepare")
        files.write_json(outputs_anywhere.folder / ds / DAG / "decision.json", {"decision": decision})
    assert days_of(look(outputs_anywhere, decision="Approve")) == ["2026-11-16"]
    assert days_of(look(outputs_anywhere, decision="Rollback")) == []
    assert days_of(look(outputs_anywhere)) == [DS, "2026-11-16"]


def test_a_change_is_seen_at_once(outputs_anywhere):
    outputs_anywhere.run(DS, DAG, "01_prepare", "failed")
    assert states(outputs_anywhere) == {"prepare": "failed"}
    outputs_anywhere.run(DS, DAG, "01_prepare")
    assert states(outputs_anywhere) == {"prepare": "accepted"}


def test_a_stage_that_says_running_while_nobody_runs_it_is_interrupted(outputs_anywhere):
    outputs_anywhere.run(DS, DAG, "01_prepare", "running")
    assert states(outputs_anywhere) == {"prepare": "interrupted"}
    with Attempts(outputs_anywhere.folder / DS / DAG, "01_prepare").exclusive():
        assert states(outputs_anywhere) == {"prepare": "running"}


def test_attempts_come_newest_first_and_say_which_was_accepted(outputs_anywhere):
    for state in ("failed", "completed", "failed"):
        outputs_anywhere.run(DS, DAG, "01_prepare", state)
    (stage,) = outputs_anywhere.index.dag_day(DS, DAG).stages
    records = outputs_anywhere.index.records(DS, DAG, stage)
    told = [(number, record.state, accepted) for number, record, accepted in records]
    assert told == [(3, "failed", False), (2, "completed", True), (1, "failed", False)]


def test_mapped_stages_are_told_apart(outputs_anywhere):
    outputs_anywhere.run(DS, DAG, "01_prepare.m0")
    outputs_anywhere.run(DS, DAG, "01_prepare.m1", "failed")
    assert states(outputs_anywhere) == {"prepare.m0": "accepted", "prepare.m1": "failed"}


def test_what_galley_did_not_write_is_passed_over(outputs, tmp_path):
    outputs.run(DS, DAG, "01_prepare")
    (outputs.folder / "README.md").touch()
    (outputs.folder / "2026-02-30").mkdir()
    (outputs.folder / DS / ".hidden").mkdir()
    (outputs.folder / "2026-11-22").symlink_to(tmp_path)
    (outputs.folder / DS / DAG / "attempts/notes.txt").touch()
    assert outputs.index.days() == [DS]
    assert outputs.index.dags(DS) == [DAG]
    assert states(outputs) == {"prepare": "accepted"}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "no notebook",
        "[]",
        '{"metadata": []}',
        '{"metadata": {"galley": []}}',
        '{"metadata": {"galley": {"end": 3, "run": "x", "seconds": "long"}}}',
        '{\n "metadata": {\n',
    ],
)
def test_a_damaged_notebook_is_unknown_and_breaks_nothing(outputs_anywhere, content):
    outputs_anywhere.run(DS, DAG, "01_prepare").write_text(content)
    assert states(outputs_anywhere) == {"prepare": "unknown"}


def test_a_record_is_read_from_the_end_of_a_large_notebook(outputs):
    path = outputs.run(DS, DAG, "01_prepare", "failed", printed='\n "metadata": {"galley": {}}\n' * 100_000)
    record = Record.read(path)
    assert (record.state, record.task_id, record.seconds) == ("failed", "prepare", 1.5)


def test_a_record_longer_than_the_first_look_is_found(outputs):
    path = outputs.run(DS, DAG, "01_prepare", conclusion={f"number {n}": n for n in range(5000)})
    assert Record.read(path).state == "completed"


def test_a_notebook_of_another_writer_is_read_too(outputs):
    path = outputs.run(DS, DAG, "01_prepare", "failed")
    path.write_text(nbformat.writes(nbformat.read(path, as_version=4), indent=4))
    assert Record.read(path).state == "failed"


def test_neighbours_are_the_nearest_days_of_the_same_dag(outputs_anywhere):
    for ds in ("2026-11-09", "2026-11-16", "2026-11-23"):
        outputs_anywhere.run(ds, DAG, "01_prepare")
    outputs_anywhere.run("2026-11-17", "predict", "01_predict")
    assert outputs_anywhere.index.neighbours("2026-11-16", DAG) == ("2026-11-09", "2026-11-23")
    assert outputs_anywhere.index.neighbours("2026-11-23", DAG) == ("2026-11-16", None)


def fill(outputs, count, dag_id=DAG, state="completed"):
    days = [f"{2000 + n // 28:04}-01-{n % 28 + 1:02}" for n in range(count)]
    for ds in days:
        outputs.run(ds, dag_id, "01_prepare", state)
    return days[::-1]


def test_pages_together_show_every_day_once(outputs):
    days = fill(outputs, 2 * DAYS + 3)
    shown, before = [], ""
    for _ in range(3):
        page = look(outputs, before=before)
        shown, before = shown + days_of(page), page.before
    assert shown == days
    assert before is None


def test_runs_of_one_day_are_each_shown_once_and_found_by_that_day(outputs_anywhere, monkeypatch):
    monkeypatch.setattr("galley.reports.search.DAYS", 2)
    days = ["2026-11-24", f"{DS}T0601", f"{DS}T060030", f"{DS}T0600", DS, "2026-11-22"]
    for ds in days:
        outputs_anywhere.run(ds, DAG, "01_prepare")
    pages = [look(outputs_anywhere)]
    while pages[-1].before:
        pages.append(look(outputs_anywhere, before=pages[-1].before))
    assert [days_of(page) for page in pages] == [days[:2], days[2:4], days[4:]]
    monkeypatch.setattr("galley.reports.search.DAYS", DAYS)
    assert days_of(look(outputs_anywhere, since=DS, until=DS)) == days[1:5]


def test_a_run_is_found_by_its_logical_time_where_it_has_a_folder_of_its_own(outputs_anywhere):
    six = datetime(2026, 11, 23, 6, tzinfo=UTC)
    outputs_anywhere.run(DS, "daily", "01_prepare")
    outputs_anywhere.run(f"{DS}T0600", "hourly", "01_prepare")
    found = {dag_id: outputs_anywhere.index.day_of(dag_id, six) for dag_id in ("daily", "hourly")}
    assert found == {"daily": DS, "hourly": f"{DS}T0600"}


def test_a_filter_leaves_the_days_that_match(outputs_anywhere):
    outputs_anywhere.run("2026-11-20", DAG, "01_prepare")
    outputs_anywhere.run("2026-11-21", DAG, "01_prepare", "failed")
    outputs_anywhere.run("2026-11-22", "predict", "01_predict")
    assert days_of(look(outputs_anywhere, state="failed")) == ["2026-11-21"]
    assert days_of(look(outputs_anywhere, state="accepted")) == ["2026-11-22", "2026-11-20"]
    assert days_of(look(outputs_anywhere, dag_id=DAG)) == ["2026-11-21", "2026-11-20"]
    assert days_of(look(outputs_anywhere, since="2026-11-21", until="2026-11-21")) == ["2026-11-21"]
    assert days_of(look(outputs_anywhere, state="awaiting review", awaiting={("2026-11-20", DAG)})) == ["2026-11-20"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("TRAIN", ["2026-11-22", "2026-11-21"]),
        ("2026-11-2 fit", ["2026-11-21"]),
        ("grace", ["2026-11-22"]),
        ("holiday Approve", ["2026-11-22"]),
        ("ada", ["2026-11-21"]),
        ("storms", ["2026-11-21"]),
        ("ada holiday", []),
        ("100%", []),
    ],
)
def test_words_are_looked_for_in_days_dags_stages_and_decisions(outputs_anywhere, text, found):
    for ds, dag_id, stage in (("2026-11-20", "hourly", "01_score"), ("2026-11-21", DAG, "02_fit")):
        outputs_anywhere.run(ds, dag_id, stage)
    outputs_anywhere.run("2026-11-22", DAG, "01_prepare")
    said = {"decision": "Approve", "reviewer": "grace", "reason": "A holiday week"}
    files.write_json(outputs_anywhere.folder / "2026-11-22" / DAG / "decision.json", said)
    decided = {("2026-11-21", DAG): "Reject\nada\nstorms"}
    assert days_of(look(outputs_anywhere, decided=decided, text=text)) == found


def test_what_may_not_be_read_is_not_listed(outputs):
    outputs.run(DS, DAG, "01_prepare")
    assert look(outputs, may_read=lambda _: False) == Page([], None)


def test_a_rare_state_is_found_by_going_on(outputs, monkeypatch):
    monkeypatch.setattr("galley.reports.search.REACH", 10)
    fill(outputs, 25)
    outputs.run("1999-12-31", DAG, "01_prepare", "failed")
    found, before, pages = [], "", 0
    while before is not None:
        page = look(outputs, state="failed", before=before)
        found, before, pages = found + days_of(page), page.before, pages + 1
    assert found == ["1999-12-31"]
    assert pages > 1


def test_a_page_reads_the_newest_attempts_of_its_own_days_alone(outputs, monkeypatch):
    fill(outputs, 3 * DAYS)
    read = []
    monkeypatch.setattr(Record, "read", classmethod(lambda _, path: read.append(path) or Record("completed")))
    look(outputs)
    assert len(read) == DAYS


def test_a_headline_has_its_trend_from_the_days_up_to_it(outputs_anywhere):
    for day, value in (("2026-11-09", 0.6), ("2026-11-16", 0.7), ("2026-11-23", 0.8)):
        outputs_anywhere.conclude(day, DAG, validate={"auc": value}, review=None)
    days = outputs_anywhere.index.days()
    found = key_metric(outputs_anywhere.index, "2026-11-16", DAG, ["train.loss", "validate.auc"], days)
    assert (found.name, found.value, found.trend) == ("validate.auc", 0.7, (0.6, 0.7))
    assert key_metric(outputs_anywhere.index, "2026-11-16", DAG, ["train.loss"], days) is None


def test_an_index_of_outputs_that_are_not_there_is_empty(tmp_path):
    assert Index(tmp_path / "none").days() == []


def test_an_accepted_run_without_its_attempts_is_shown(outputs):
    outputs.run(DS, DAG, "01_prepare")
    (outputs.folder / DS / DAG / "attempts").rename(outputs.folder / DS / DAG / "kept")
    assert states(outputs) == {"prepare": "accepted"}


def test_names_of_a_day_in_a_bucket_are_asked_for_once_a_page(outputs_in_bucket, monkeypatch):
    outputs_in_bucket.run(DS, DAG, "01_prepare")
    outputs_in_bucket.run(DS, "predict", "01_predict")
    asked = []
    monkeypatch.setattr(bucket, "names", lambda folder, real=bucket.names: asked.append(folder) or real(folder))
    page = look(outputs_in_bucket)
    assert [[stage.state for stage in day.stages] for day in page.days[0][1]] == [["accepted"], ["accepted"]]
    assert asked == [outputs_in_bucket.folder / DS]


def test_a_report_in_a_bucket_is_found_by_its_address(outputs_in_bucket):
    outputs_in_bucket.run(DS, DAG, "01_prepare")
    folder = outputs_in_bucket.folder
    with ReportPath.parse(DS, DAG, "01_prepare.html").open(folder) as stream:
        assert stream.read() == b"<title>page</title>"
    assert ReportPath.parse(DS, DAG, "02_split.html").open(folder) is None


MALFORMED = {
    "empty": b"",
    "binary": b"\xff\x00",
    "deep": b"[" * 200_000,
    "deep object": b'{"a":' * 100_000,
    "list": b"[1]",
    "null": b"null",
    "other types": b'{"decision": ["x"], "reviewer": {"a": 1}, "validate": [1], "train": {"x": {}}}',
    "numbers": b'{"validate": {"roc_auc": NaN}, "train": {"roc_auc": 1' + b"0" * 400 + b"}}",
    "half a character": b'{"decision": "\\ud800", "reviewer": "\\udfff"}',
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
@pytest.mark.parametrize(
    "name", ["metrics.json", "decision.json", "01_prepare.ipynb", "attempts/01_prepare.try1.ipynb"]
)
def test_a_malformed_file_makes_nothing_else_unreadable(outputs, name, content):
    outputs.run(DS, DAG, "01_prepare")
    outputs.run(DS, DAG, "02_split")
    (outputs.folder / DS / DAG / name).write_bytes(content)
    day = outputs.index.dag_day(DS, DAG)
    assert day.stage("02_split").state == "accepted"
    assert all(isinstance(value, str) and value.encode() is not None for value in day.decision.values())
    assert key_metric(outputs.index, DS, DAG, ["validate.roc_auc", "train.roc_auc"], outputs.index.days()) is None


@pytest.mark.parametrize("name", ["metrics.json", "decision.json", "attempts/01_prepare.try1.ipynb"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(outputs, name):
    outputs.run(DS, DAG, "01_prepare")
    outputs.run(DS, DAG, "02_split")
    path = outputs.folder / DS / DAG / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    assert outputs.index.dag_day(DS, DAG).stage("02_split").state == "accepted"
    assert outputs.index.numbers(DS, DAG) == {}


@pytest.mark.parametrize("seconds", ["1e400", "-1", "1" + "0" * 400, "NaN", '"x"', "[]"])
def test_a_time_that_is_none_counts_as_unsaid(outputs, seconds):
    path = outputs.run(DS, DAG, "01_prepare")
    path.write_text(path.read_text().replace('"seconds": 1.5', f'"seconds": {seconds}'))
    stage = outputs.index.dag_day(DS, DAG).stage("01_prepare")
    assert (stage.newest.state, stage.newest.seconds) == ("completed", None)
