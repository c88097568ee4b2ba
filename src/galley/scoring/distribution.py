"""Distribution: what is kept of numbers without end, so that their mean, quantiles and histogram can be given."""

import numpy as np

from galley.problems.problem import Numbers

_BINS = 1000
_STEP = 1.02
_DECADES = (-12, 15)


class Distribution:
    """Counts of numbers in bins: equal ones within known bounds, else bins whose width is 2 % of their numbers.

    The latter is how DDSketch (Masson and others, VLDB 2019) keeps quantiles of numbers that may be of any size. What
    is smaller than 1e-12 counts as 0, and what is larger than 1e15 as that.
    """

    def __init__(self, bounds: tuple[float, float] | None = None) -> None:
        self._bounds = bounds
        if bounds:
            self._edges = np.linspace(*bounds, _BINS + 1)
        else:
            first, last = (decade * np.log(10) / np.log(_STEP) for decade in _DECADES)
            sizes = _STEP ** np.arange(first, last)
            self._edges = np.concatenate([-sizes[::-1], sizes])
        self._counts = np.zeros(len(self._edges) - 1, dtype="int64")
        self._total = 0.0
        self._least, self._most = np.inf, -np.inf
        self.rows = 0

    def add(self, numbers: Numbers) -> None:
        """Count numbers, none of which is missing."""
        if not len(numbers):
            return
        if self._bounds:
            self._counts += np.histogram(numbers, _BINS, self._bounds)[0]
        else:
            places = np.searchsorted(self._edges, numbers, side="right") - 1
            self._counts += np.bincount(np.clip(places, 0, len(self._counts) - 1), minlength=len(self._counts))
        self._total += float(numbers.sum())
        self._least, self._most = min(self._least, float(numbers.min())), max(self._most, float(numbers.max()))
        self.rows += len(numbers)

    @property
    def mean(self) -> float:
        """The mean of all."""
        return self._total / self.rows

    def quantile(self, share: float) -> float:
        """What this share of the numbers does not exceed, to the width of a bin."""
        place = int(np.searchsorted(self._counts.cumsum(), share * self.rows))
        end = float(self._edges[place + 1])
        return end if self._bounds else float(np.clip(end, self._least, self._most))

    def histogram(self, bins: int) -> tuple[np.ndarray, np.ndarray]:
        """How many are in each of `bins` equal parts of the bounds (a divisor of 1000 then), or of all there are."""
        if self._bounds:
            return self._counts.reshape(bins, -1).sum(axis=1), np.linspace(*self._bounds, bins + 1)
        middles = np.clip((self._edges[1:] + self._edges[:-1]) / 2, self._least, self._most)
        return np.histogram(middles, bins, (self._least, self._most), weights=self._counts)
