"""Source: the contract of a day's data, and where it comes from. Put your own in the place of both."""

from datetime import date

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes

from galley.contract import Column, Contract

KEY, TARGET = "id", "progression"
_ALL = load_diabetes(as_frame=True)
FEATURES = list(_ALL.data)

DATA = Contract(Column(KEY, "text", "which row of which day", unique=True), *(Column(n, "number", n) for n in FEATURES))
TARGETS = Contract(Column(KEY, "text", "the row, as in data.csv", unique=True), Column(TARGET, "number", "what came"))
LABELLED = DATA + TARGETS

SLICES = {f"high {name}": f"`{name}` > {_ALL.data[name].median()}" for name in FEATURES[:3]}
"""The parts of the rows that a review looks at one by one: a rule for each, by the columns' names."""


def arrive(day: date, rows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A day's data and what came of it: rows of scikit-learn's, drawn anew each day and a little changed."""
    drawn = np.random.default_rng(day.toordinal())
    places = drawn.integers(len(_ALL.data), size=rows)
    noise = drawn.normal(0, 0.3, (rows, len(FEATURES))) * _ALL.data.std().to_numpy()
    keys = [f"{day}-{number:05}" for number in range(rows)]
    data = pd.DataFrame(_ALL.data.to_numpy()[places] + noise, columns=FEATURES)
    data.insert(0, KEY, keys)
    came = _ALL.target.to_numpy()
    return data, pd.DataFrame({KEY: keys, TARGET: came[places]})
