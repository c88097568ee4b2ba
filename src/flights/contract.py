"""The contract: which columns a day's data.csv and target.csv have."""

from typing import NamedTuple

import pandas as pd

from galley.contract import Column, Contract

TARGET = "late"
KEY = "flight_id"
LATE_FROM_MINUTES = 15
"""A flight is late when it arrives so many minutes after its schedule: the industry's line of "on time"."""

DATA = Contract(
    Column(KEY, "text", "which flight of which day: carrier, number, origin and day", unique=True),
    Column("scheduled_departure", "moment", "scheduled departure, local time", of_day=True),
    Column("carrier", "text", "airline, two-letter code"),
    Column("origin", "text", "airport of departure"),
    Column("dest", "text", "airport of arrival"),
    Column("hour", "number", "hour of the scheduled departure", low=0, high=23),
    Column("departure_minute", "number", "scheduled departure, minutes after midnight", low=0, high=1439),
    Column("arrival_minute", "number", "scheduled arrival, minutes after midnight there", low=0, high=1439),
    Column("distance", "number", "miles between the airports", low=1, high=12_500),
    Column("temp", "number", "temperature at the origin, °F", nullable=True, low=-130, high=140),
    Column("dewp", "number", "dew point, °F", nullable=True, low=-150, high=110),
    Column("humid", "number", "relative humidity, %", nullable=True, low=0, high=100),
    Column("wind_dir", "number", "wind direction, degrees", nullable=True, low=0, high=360),
    Column("wind_speed", "number", "wind speed, mph", nullable=True, low=0, high=250),
    Column("wind_gust", "number", "gust speed, mph", nullable=True, low=0, high=300),
    Column("precip", "number", "precipitation, inches in the hour", nullable=True, low=0, high=20),
    Column("pressure", "number", "sea level pressure, millibars", nullable=True, low=850, high=1100),
    Column("visib", "number", "visibility, miles", nullable=True, low=0, high=100),
    Column("plane_age", "number", "years since the plane was built", nullable=True, low=0, high=120),
    Column("plane_engines", "number", "engines of the plane", nullable=True, low=1, high=12),
    Column("plane_seats", "number", "seats of the plane", nullable=True, low=1, high=1000),
    Column("plane_manufacturer", "text", "who built the plane", nullable=True),
)
LABELS = Contract(
    Column(KEY, "text", "the flight, as in data.csv", unique=True),
    Column(TARGET, "flag", f"1 if it arrived {LATE_FROM_MINUTES} minutes late or more, else 0"),
)
LABELLED = DATA + LABELS


class Batch(NamedTuple):
    """What one day brings: the rows, their targets, and how many flights were left out, by reason."""

    data: pd.DataFrame
    target: pd.DataFrame
    left_out: dict[str, int]
