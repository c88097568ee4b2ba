"""A day is a date and nothing else, and its folders are its own."""

from datetime import UTC, date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.days import Day, date_stamp
from galley.errors import InvalidDay, MissingInput
from galley.settings import Settings

HOME = Settings.from_environment({"GALLEY_HOME": "/home"})


@pytest.mark.parametrize(
    "ds",
    ["", "today", "2026-11", "20261123", "2026-W48-1", "2026-11-23T00:00", "2026-11-23\n", " 2026-11-23",
     "2026-11-23T", "2026-11-23T06", "2026-11-23T2400", "2026-11-23T0660", "2026-11-23T060", "2026-02-29T0600",
     "2026-13-01", "2026-02-29", "0000-01-01", "../2026-11-23", "2026-11-23/..",
     "\N{FULLWIDTH DIGIT TWO}026-11-23", None, 20261123, date(2026, 11, 23)],
)  # fmt: skip
def test_what_is_no_date_is_refused_with_the_form_it_has(ds):
    with pytest.raises(InvalidDay, match="not a date"):
        Day.of(ds, HOME)


@given(st.dates())
def test_every_date_is_a_day(day):
    assert Day.of(day.isoformat(), HOME).date == day


SECONDS = st.datetimes(timezones=st.just(UTC)).map(lambda at: at.replace(microsecond=0))


@given(SECONDS, SECONDS)
def test_every_run_of_several_a_day_has_a_day_of_its_own_that_sorts_as_its_time_does(at, other):
    day = Day.of(date_stamp(at, is_one_of_several=True), HOME)
    assert (day.date, day.raw.name) == (at.date(), day.ds)
    assert (day.ds < date_stamp(other, is_one_of_several=True)) == (at < other)
    assert date_stamp(at, is_one_of_several=False) == at.date().isoformat() < day.ds


@given(
    st.text() | st.from_regex(r"[0-9./-]{1,12}") | st.dates().map(str), st.text() | st.sampled_from(["..", ".", "/"])
)
def test_no_day_and_no_dag_leads_outside_the_folders_of_its_day(ds, dag_id):
    try:
        day = Day.of(ds, HOME)
    except InvalidDay:
        return
    for root, folder in [
        *((HOME.data / name, getattr(day, name)) for name in ("raw", "processed", "models", "predictions")),
        (HOME.outputs / ds, day.reports(dag_id)),
    ]:
        assert folder.resolve().parent == root


def test_the_reports_of_a_dag_are_where_its_name_says():
    assert Day.of("2026-11-23", HOME).reports("train_weekly") == HOME.outputs / "2026-11-23/train_weekly"


def test_days_are_counted_back_over_leap_days():
    assert str(Day.of("2024-03-01", HOME).before(1)) == "2024-02-29"
    assert str(Day.of("2024-03-01T0600", HOME).before(1)) == "2024-02-29T0600"


def arrive(settings, *days, names=("data.csv", "target.csv")):
    for ds in days:
        for name in names:
            path = settings.data / "raw" / ds / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


def test_the_latest_day_is_the_newest_that_has_both_files(settings):
    arrive(settings, "2026-11-21", "2026-11-22")
    arrive(settings, "2026-11-23", names=["data.csv"])
    assert Day.latest(settings).ds == "2026-11-22"


def test_a_folder_that_is_no_day_is_not_the_latest(settings):
    arrive(settings, "2026-11-22", "2026-13-45", "backup", ".part.x")
    assert Day.latest(settings).ds == "2026-11-22"


def test_without_any_data_it_is_said_what_to_run(settings):
    with pytest.raises(MissingInput, match="Have the data of one arrive first"):
        Day.latest(settings)
