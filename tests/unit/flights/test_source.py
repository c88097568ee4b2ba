"""The replayed source: the same day of 2013, and nothing that is known only later."""

from datetime import date

import pandas as pd
import pytest

from flights import contract, source

MONDAY = date(2026, 11, 23)


@pytest.fixture(scope="module")
def replayed() -> contract.Batch:
    return source.replay(MONDAY)


@pytest.fixture(scope="module")
def year() -> pd.DataFrame:
    """2013 as the files have it."""
    return pd.read_csv(source._file("flights.csv.zip"))


@pytest.fixture(scope="module")
def recorded(year) -> pd.DataFrame:
    """The day in 2013 as the files have it, with all that is known afterwards, in the order of the replay."""
    flights = year[(year["month"] == 11) & (year["day"] == 23)].dropna(subset="arr_delay")
    name = flights["carrier"] + flights["flight"].astype("str") + "-" + flights["origin"]
    return flights.assign(name=name).set_index("name")


def test_the_same_day_gives_the_same_bytes(replayed):
    again = source.replay(MONDAY)
    assert again.data.to_csv() == replayed.data.to_csv()
    assert again.target.to_csv() == replayed.target.to_csv()


def test_a_replayed_day_keeps_to_the_contract(replayed):
    contract.DATA.check_pair(
        contract.DATA.check(replayed.data, "data.csv"), contract.LABELS.check(replayed.target, "target.csv"), "both"
    )


@pytest.mark.parametrize("known_later", ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"])
def test_no_column_is_a_function_of_what_is_known_only_after_departure(replayed, recorded, known_later):
    later = recorded.loc[replayed.data["flight_id"].str.rsplit("-", n=3).str[0], known_later].reset_index(drop=True)
    numbers = replayed.data.select_dtypes("number")
    assert not any(numbers[column].equals(later.astype(numbers[column].dtype)) for column in numbers)
    assert known_later not in replayed.data


def test_the_data_says_nothing_of_the_target(replayed):
    assert set(replayed.data) & set(replayed.target) == {"flight_id"}


def test_late_is_an_arrival_fifteen_minutes_after_schedule_or_more(replayed, recorded):
    delays = recorded.loc[replayed.target["flight_id"].str.rsplit("-", n=3).str[0], "arr_delay"].reset_index(drop=True)
    late = replayed.target["late"] == 1
    assert delays[late].min() >= 15
    assert delays[~late].max() < 15


@pytest.mark.parametrize(("month", "number"), [(1, 1), (1, 11), (2, 28), (9, 30), (10, 1), (11, 23), (12, 31)])
def test_flights_that_never_arrived_are_left_out_and_counted(year, month, number):
    replayed = source.replay(date(2026, month, number))
    scheduled = ((year["month"] == month) & (year["day"] == number)).sum()
    assert len(replayed.data) + sum(replayed.left_out.values()) == scheduled
    assert replayed.left_out["cancelled"] > 0


def test_dates_are_those_of_the_day_that_is_asked_for(replayed):
    assert replayed.data["scheduled_departure"].str.startswith("2026-11-23T").all()
    assert replayed.data["flight_id"].str.endswith("-2026-11-23").all()


def test_a_flight_has_an_id_of_its_own_on_each_day(replayed):
    tomorrow = source.replay(date(2026, 11, 24))
    ids = pd.concat([replayed.data["flight_id"], tomorrow.data["flight_id"]])
    assert ids.is_unique


def test_the_29th_of_february_replays_the_28th():
    leap, ordinary = source.replay(date(2028, 2, 29)), source.replay(date(2028, 2, 28))
    features = [column.name for column in contract.DATA if column.kind == "number"]
    assert leap.data[features].equals(ordinary.data[features])
    assert leap.target["late"].equals(ordinary.target["late"])
    assert not set(leap.data["flight_id"]) & set(ordinary.data["flight_id"])


def test_the_hour_that_autumn_repeats_joins_one_weather_to_each_flight():
    autumn = source.replay(date(2026, 11, 3))
    assert autumn.data["flight_id"].is_unique
    assert autumn.data["temp"].notna().all()
