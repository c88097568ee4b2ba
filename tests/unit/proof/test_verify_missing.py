"""What is gone of an accepted run is found by what is left of it, and a stage of a training by its review."""

import pytest
from accepted_day import AcceptedDay

from galley.errors import MissingInput
from galley.proof.check import Kind
from galley.proof.verify import verify
from galley.run.attempts import FAILED, Attempts
from galley.storage import files

OUTPUTS = "outputs/2026-11-23/train"


@pytest.fixture
def day(settings):
    """A day of three stages; the last is the review."""
    files.write_bytes(
        settings.project_file, b'[models.m]\nproblem = "binary"\nkey = "id"\ntarget = "y"\ntrain = "train"\n'
    )
    day = AcceptedDay(settings, "train")
    day.stages = [day.accept(name) for name in ("01_prepare", "02_split", "03_review")]
    return day


def remove(day, stage, *names):
    for name in names:
        getattr(stage, name).unlink()
    return [(each.name, each.problem) for each in verify(day.day)]


def forget(day, name):
    known = files.read_json(day.metrics)
    del known[name]
    files.write_json(day.metrics, known)


def test_nothing_is_missing_of_a_day_that_is_whole(day):
    assert verify(day.day) == []


ALL = {"notebook": "02_split.ipynb", "page": "02_split.html", "digests": "02_split.sha256"}


@pytest.mark.parametrize("left", ["page", "digests"])
def test_an_accepted_notebook_that_was_removed_is_found_by_what_stayed(day, left):
    gone = [name for name in (*ALL, "attempt") if name != left]
    assert remove(day, day.stages[1], *gone) == [
        (f"{OUTPUTS}/02_split.ipynb", f"is not there, but this of its run is: {ALL[left]}")
    ]


def test_an_accepted_run_that_was_removed_is_found_by_its_attempt(day):
    forget(day, "split")
    assert remove(day, day.stages[1], *ALL) == [
        (f"{OUTPUTS}/02_split.ipynb", "is not there, but this of its run is: attempts/02_split.try1.ipynb")
    ]


def test_an_accepted_run_that_was_removed_is_found_by_its_numbers(day):
    found = remove(day, day.stages[2], *ALL, "attempt")
    assert found == [
        (f"{OUTPUTS}/metrics.json", "says what 'review' concluded, and there is no accepted run of it"),
    ]


def test_a_stage_of_a_training_that_left_nothing_is_found_by_the_review_that_came_after_it(day):
    forget(day, "split")
    assert remove(day, day.stages[1], *ALL, "attempt") == [
        (f"{OUTPUTS}/02_split.ipynb", "is not there, and 03_review came after it")
    ]


def test_a_stage_that_was_added_to_the_notebooks_later_takes_no_number_of_an_older_one(day):
    files.write_bytes(day.stages[1].source.with_name("02_clean.ipynb"), b"{}")
    files.write_bytes(day.stages[1].source.with_name("04_record.ipynb"), b"{}")
    assert verify(day.day) == []


def test_numbers_that_were_removed_are_found(day):
    day.metrics.unlink()
    assert {each.name for each in verify(day.day)} == {f"{OUTPUTS}/metrics.json"}
    assert len(verify(day.day)) == 3


def test_a_stage_that_never_completed_is_not_missed(day):
    attempts = Attempts(day.reports, "04_late")
    with attempts.exclusive():
        node = attempts.read(1) or files.read_notebook(day.stages[0].notebook)
        node.metadata.galley.end.state = FAILED
        attempts.begin(node)
    assert verify(day.day) == []


def test_a_day_of_which_everything_but_its_attempts_was_removed_is_no_day_without_runs(day):
    for stage in day.stages:
        for name in ALL:
            getattr(stage, name).unlink()
    day.metrics.unlink()
    found = verify(day.day)
    assert [each.name for each in found] == [f"{OUTPUTS}/{stage.notebook.name}" for stage in day.stages]
    assert {each.kind for each in found} == {Kind.CHANGED}


def test_a_day_that_left_nothing_at_all_is_named(day):
    with pytest.raises(MissingInput, match="2026-11-24"):
        verify(day.day.before(-1))
