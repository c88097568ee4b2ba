"""Score: a file of predictions from rows that come in parts, and what is to be said of them together."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from galley.problems.predictor import Predictor
from galley.problems.problem import Numbers
from galley.scoring import csv
from galley.scoring.distribution import Distribution
from galley.scoring.overlap import in_order

_TOP = 10
_BY = "\0number"
"""What the top rows are put in order by; no column of a file has this name."""


@dataclass
class Scored:
    """What was predicted of all rows.

    `numbers` are those of the problem, as the probability of 1; `predicted` how often each class is, empty for numbers;
    `top` the ten rows with the highest number.
    """

    numbers: Distribution
    predicted: Counter[object] = field(default_factory=Counter)
    top: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def rows(self) -> int:
        """How many there are."""
        return self.numbers.rows

    def share(self, prediction: object) -> float:
        """The share of rows for which this class is predicted."""
        return self.predicted[prediction] / self.rows


@dataclass(frozen=True)
class _Part:
    """What is written of a part, and what Scored takes from it."""

    heading: list[str]
    lines: bytes
    numbers: Numbers
    predicted: Counter[object]
    top: pd.DataFrame


def score(parts: Iterable[pd.DataFrame], target: Path, predictor: Predictor, *, key: str, show: list[str]) -> Scored:
    """Write each row's key and what is predicted of it to `target`, in order, and return what they say together.

    Reading, predicting and writing go on at the same time. The bytes are those that pandas writes for the whole; of the
    top rows the columns `show` are kept. Raises ModelNotFound if the model says what its problem has no place for.
    """
    from galley.scoring.forms import InParts

    problem, predict = predictor.problem, InParts(predictor)

    def predicted(part: pd.DataFrame) -> _Part:
        said = predict(part)
        columns, numbers = problem.frame(said), problem.number(said)
        highest = pd.Series(numbers).nlargest(_TOP).index
        shown = [part[show].iloc[highest], columns.iloc[highest].assign(**{_BY: numbers[highest]})]
        return _Part(
            list(columns),
            csv.lines(pd.DataFrame({key: part[key].array, **{name: columns[name] for name in columns}}, copy=False)),
            numbers,
            Counter(columns["prediction"].value_counts().to_dict()) if problem.bounds else Counter(),
            pd.concat([each.reset_index(drop=True) for each in shown], axis=1),
        )

    scored = Scored(Distribution(problem.bounds))
    top: list[pd.DataFrame] = []
    with target.open("wb") as stream:
        for done in in_order(predicted, parts):
            if not scored.rows:
                stream.write(f"{','.join([key, *done.heading])}\n".encode())
            stream.write(done.lines)
            scored.numbers.add(done.numbers)
            scored.predicted.update(done.predicted)
            top = [pd.concat([*top, done.top]).nlargest(_TOP, _BY)]
    scored.top = top[0].drop(columns=_BY).reset_index(drop=True)
    return scored
