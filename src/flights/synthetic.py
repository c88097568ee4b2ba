"""Synthetic: a made-up day of flights with as many rows, as much lateness and as much drift as one asks for."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from flights.contract import DATA, LABELS, Batch
from galley.errors import ParameterError

DRIFT_STARTS = date(2026, 1, 1)
"""The day on which drift is nil; before it, drift points the other way."""


def generate(day: date, rows: int = 900, late_share: float = 0.25, drift: float = 0.0) -> Batch:
    """A day of `rows` flights, of which exactly `late_share` (rounded to a flight) are late.

    With each day since DRIFT_STARTS, `drift` moves the mean of wind and temperature by so many of their standard
    deviations, and turns what makes a flight late from the hour towards the wind by so many radians: the first can be
    seen in the data, the second only in the targets. Seeded by the day: the same call gives the same flights.
    """
    if rows < 1 or not 0 <= late_share <= 1:
        raise ParameterError(f"rows={rows}, late_share={late_share}: give at least 1 row and a share from 0 to 1.")
    random = np.random.default_rng(day.toordinal())
    moved = drift * (day - DRIFT_STARTS).days
    data = pd.DataFrame(_columns(day, rows, moved, random))[[column.name for column in DATA]]
    risk = _lateness(data, moved) + random.logistic(size=rows)
    late = np.zeros(rows, dtype="int64")
    late[np.argsort(-risk, kind="stable")[: round(late_share * rows)]] = 1
    target = data.assign(late=late)[[column.name for column in LABELS]]
    order = data.sort_values(["scheduled_departure", "flight_id"]).index
    return Batch(data.loc[order].reset_index(drop=True), target.loc[order].reset_index(drop=True), {})


def _columns(day: date, rows: int, moved: float, random: np.random.Generator) -> dict[str, Any]:
    """Each column of the data, drawn within the contract's limits."""
    departure = random.integers(5 * 60, 23 * 60, rows)
    distance = random.integers(100, 2600, rows)
    carrier = random.choice(["AA", "B6", "DL", "EV", "UA", "WN"], rows, p=[0.15, 0.2, 0.2, 0.2, 0.2, 0.05])
    origin = random.choice(["EWR", "JFK", "LGA"], rows)
    # One wind a day and a little of its own for each row, as weather has it.
    wind = np.clip(10 + 5 * (moved + random.normal() + 0.5 * random.normal(size=rows)), 0, 200)
    temp = np.clip(55 + 18 * (moved + 0.3 * random.normal() + 0.2 * random.normal(size=rows)), -100, 100)
    return {
        "flight_id": [f"{carrier[row]}{row + 1}-{origin[row]}-{day.isoformat()}" for row in range(rows)],
        "scheduled_departure": [f"{day.isoformat()}T{minute // 60:02}:{minute % 60:02}" for minute in departure],
        "carrier": carrier,
        "origin": origin,
        "dest": random.choice(["ATL", "BOS", "CLT", "FLL", "LAX", "MCO", "ORD", "SFO"], rows),
        "hour": departure // 60,
        "departure_minute": departure,
        "arrival_minute": (departure + 40 + distance // 8) % (24 * 60),
        "distance": distance,
        "temp": temp.round(1),
        "dewp": (temp - random.uniform(2, 20, rows)).round(1),
        "humid": random.uniform(30, 100, rows).round(1),
        "wind_dir": random.integers(0, 37, rows) * 10,
        "wind_speed": wind.round(1),
        "wind_gust": np.where(random.random(rows) < 0.25, (wind * 1.4).round(1), np.nan),
        "precip": np.where(random.random(rows) < 0.1, random.exponential(0.05, rows).round(2), 0.0),
        "pressure": random.normal(1018, 7, rows).round(1),
        "visib": np.where(random.random(rows) < 0.1, random.uniform(0.5, 9, rows).round(1), 10.0),
        "plane_age": np.where(random.random(rows) < 0.1, np.nan, random.integers(0, 30, rows)),
        "plane_engines": 2,
        "plane_seats": random.choice([55, 100, 150, 180, 330], rows),
        "plane_manufacturer": random.choice(["AIRBUS", "BOEING", "EMBRAER"], rows),
    }


def _lateness(data: pd.DataFrame, moved: float) -> "pd.Series[float]":
    """How much each flight leans to being late, in logits: by hour, wind and carrier."""
    evening, wind = (data["hour"] - 14) / 4, (data["wind_speed"] - 10) / 5
    return 1.5 * (np.cos(moved) * evening + np.sin(moved) * wind) + 0.5 * wind + 0.8 * data["carrier"].eq("EV")
