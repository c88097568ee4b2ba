"""Score: a file of predictions from rows that come in parts, and what is to be said of them together."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from galley.scoring import csv
from galley.scoring.overlap import in_order

BINS = 1000
"""Of the distribution that is kept instead of each probability."""

Predict = Callable[[pd.DataFrame], np.ndarray]


@dataclass
class Scored:
    """What was predicted: the distribution of the probabilities, and the rows with the highest."""

    rows: int = 0
    positive: int = 0
    total: float = 0.0
    counts: np.ndarray = field(default_factory=lambda: np.zeros(BINS, dtype="int64"))
    likeliest: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def mean(self) -> float:
        """The mean probability."""
        return self.total / self.rows

    @property
    def positive_share(self) -> float:
        """The share of rows that are predicted to be positive."""
        return self.positive / self.rows

    def quantile(self, share: float) -> float:
        """The probability that this share of the rows does not exceed, to a BINS-th."""
        return float(np.searchsorted(self.counts.cumsum(), share * self.rows) + 1) / BINS

    def histogram(self, bins: int) -> tuple[np.ndarray, np.ndarray]:
        """How many rows lie in each of `bins` (a divisor of BINS) equal parts from 0 to 1, and the parts' edges."""
        return self.counts.reshape(bins, -1).sum(axis=1), np.linspace(0, 1, bins + 1)


@dataclass(frozen=True)
class _Part:
    """A part's lines, and what Scored takes from it."""

    lines: bytes
    probability: np.ndarray
    counts: np.ndarray
    likeliest: pd.DataFrame


def score(
    parts: Iterable[pd.DataFrame], target: Path, predict: Predict, *, key: str, threshold: float, show: list[str]
) -> Scored:
    """Write each row's key, probability and prediction to `target`, in order, and return what they say together.

    Reading, predicting and writing go on at the same time. The bytes are those that pandas writes for the whole;
    of the ten likeliest rows the columns `show` are kept.
    """

    def predicted(part: pd.DataFrame) -> _Part:
        probability = predict(part)
        said = {"probability": probability, "prediction": (probability >= threshold).astype("int64")}
        counts, _ = np.histogram(probability, BINS, (0, 1))
        top = pd.Series(probability).nlargest(10).index
        likeliest = part[show].iloc[top].assign(**{name: values[top] for name, values in said.items()})
        return _Part(
            csv.lines(pd.DataFrame({key: part[key].array, **said}, copy=False)), probability, counts, likeliest
        )

    scored = Scored()
    likeliest: list[pd.DataFrame] = []
    with target.open("wb") as stream:
        stream.write(f"{key},probability,prediction\n".encode())
        for done in in_order(predicted, parts):
            stream.write(done.lines)
            scored.rows += len(done.probability)
            scored.positive += int((done.probability >= threshold).sum())
            scored.total += float(done.probability.sum())
            scored.counts += done.counts
            likeliest = [pd.concat([*likeliest, done.likeliest]).nlargest(10, "probability")]
    scored.likeliest = likeliest[0].reset_index(drop=True)
    return scored
