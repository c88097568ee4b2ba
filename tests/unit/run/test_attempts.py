"""Attempts are numbered without gaps, and what is kept of them can be read again."""

import errno

import nbformat
import pytest

from galley.errors import RecordLost
from galley.run.attempts import RUNNING, Attempts
from galley.storage import files


@pytest.fixture(params=["tmp_path", "in_bucket"], ids=["disk", "bucket"])
def attempts(request):
    return Attempts(request.getfixturevalue(request.param) / "reports", "01_stage")


def running(source="x"):
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    node.metadata.galley = {"end": {"state": RUNNING}}
    return node


def test_numbers_go_on_and_are_those_of_the_stage_alone(attempts):
    other = Attempts(attempts.folder, "01_stage.m7")
    for each in (attempts, other, attempts):
        with each.exclusive():
            each.begin(running())
    assert (attempts.numbers(), other.numbers()) == ([1, 2], [1])


def test_the_tenth_attempt_follows_the_ninth(attempts):
    for _ in range(11):
        with attempts.exclusive():
            attempts.begin(running())
    assert attempts.numbers() == list(range(1, 12))


def test_an_attempt_without_an_end_is_interrupted_when_the_next_begins(attempts):
    for _ in range(2):
        with attempts.exclusive():
            attempts.begin(running())
    states = [attempts.read(number).metadata.galley.end.state for number in (1, 2)]
    assert states == ["interrupted", RUNNING]


def test_a_text_that_has_no_utf_8_is_kept(attempts):
    with attempts.exclusive():
        number = attempts.begin(running("'\ud800'"))
        attempts.save_page(number, "<p>\ud800</p>")
    assert attempts.read(number).cells[0].source == "'\ud800'"


def test_a_draft_of_a_process_that_was_killed_is_swept_away(tmp_path):
    attempts = Attempts(tmp_path / "reports", "01_stage")
    with attempts.exclusive():
        attempts.begin(running())
    draft = attempts.path(1).with_name(".01_stage.try1.ipynb.x")
    others = attempts.path(1).with_name(".01_stage_two.try1.ipynb.x")
    for path in (draft, others):
        path.touch()
    with attempts.exclusive():
        attempts.begin(running())
    assert (draft.exists(), others.exists()) == (False, True)


def test_a_stage_is_running_while_its_lock_is_held_and_no_longer(attempts):
    assert not attempts.is_running()
    with attempts.exclusive():
        assert attempts.is_running()
    assert not attempts.is_running()


def test_what_is_accepted_is_an_attempt_still(attempts):
    for source in ("1", "2"):
        with attempts.exclusive():
            number = attempts.begin(running(source))
            attempts.save_page(number, f"<p>{source}</p>")
            attempts.publish(number)
    assert [attempts.is_accepted(number) for number in (1, 2)] == [False, True]
    assert files.read_bytes(attempts.accepted.with_suffix(".html")) == b"<p>2</p>"


def test_a_lock_that_could_not_be_signed_is_let_go(tmp_path, monkeypatch):
    attempts = Attempts(tmp_path / "reports", "01_stage")
    with monkeypatch.context() as patch:
        patch.setattr("os.pwrite", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left on device")))
        with pytest.raises(RecordLost, match="No space left"), attempts.exclusive():
            pass
    assert not attempts.is_running()
    with attempts.exclusive():
        assert attempts.is_running()
