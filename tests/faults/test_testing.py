"""galley.testing: a stage that is killed at each of its cells, and what it says of promises that were broken."""

import pytest
from desk_of_stages import DS, Desk

from galley.days import Day
from galley.testing import broken, unsettled

pytestmark = pytest.mark.local_runner

CELLS = [
    "from galley import Stage\nstage = Stage(ds)",
    "with stage.write(stage.day.processed / 'rows.csv') as path:\n    path.write_text('rows')",
    "stage.conclude(rows=3)",
]


@pytest.fixture
def day(desk):
    return Day.of(DS, desk.settings)


def test_a_stage_that_is_killed_at_each_cell_breaks_no_promise_and_completes_then(desk, day):
    notebook = desk.write(*CELLS)
    desk.start(notebook).join()
    whole = desk.written()
    seen = [(number, broken(day), desk.written()) for number in desk.killed_at_each_cell(notebook)]
    assert seen == [(number, [], whole) for number in range(len(CELLS) + 2)]
    desk.run(*CELLS)
    assert unsettled(day) == []


def test_a_killed_attempt_is_unsettled_until_the_next_run(desk, day):
    desk.run(*CELLS)
    next(desk.killed_at_each_cell(desk.write("import time\ntime.sleep(60)")))
    assert broken(day) == []
    assert "01_stage says that it runs" in unsettled(day)


def test_what_a_killed_write_has_left_is_unsettled(desk, day):
    desk.run(*CELLS)
    left = day.settings.data / "processed" / f".part.{DS}.x0x0x0x0"
    left.mkdir()
    assert unsettled(day) == [f"data/processed/{left.name} is left"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda attempts: attempts.path(1).unlink(), "the attempts of 01_stage are [2, 3]"),
        (lambda attempts: attempts.path(1).write_text("{}"), "attempt 1 of 01_stage does not say how it ended"),
        (lambda attempts: attempts.path(3).unlink(), "the accepted run of 01_stage is no attempt"),
    ],
)
def test_what_was_broken_is_said(desk, day, spoil, said):
    for _ in range(3):
        desk.run(*CELLS)
    spoil(desk.attempts())
    assert [fault.split(": ", 1)[1] for fault in broken(day)] == [said]


def test_a_projects_copy_has_its_stages_and_nothing_that_they_wrote(desk, tmp_path):
    desk.run(*CELLS)
    (desk.home / "galley.toml").touch()
    copied = Desk.of(desk.home, tmp_path / "copy")
    assert copied.written() == {}
    copied.start(copied.home / "notebooks" / "01_stage.ipynb").join()
    assert copied.written() == desk.written() != {}
