"""Forms: what a fitted pipeline says of rows, in a form that needs less work, where that says the same.

For pipelines that galley.training.tabular makes. Models of LightGBM, XGBoost and CatBoost are asked plainly: their last
bit is the C library's, which numpy's functions do not give, and predictions have to be the same in every byte.
"""

import logging
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Any, Protocol

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from galley.problems.predictor import Predictor
from galley.problems.problem import Array, Numbers
from galley.scoring.trees import Table, Trees, tables

log = logging.getLogger(__name__)

TOLERANCE = 1e-6
"""How far a form may be from the pipeline, on any row. Where both are ours they are the same to the last bit."""


class Form(Protocol):
    """Another way to say what a pipeline says. Making it fails for a pipeline that it is not for."""

    def __init__(self, pipeline: Pipeline) -> None: ...

    def __call__(self, rows: pd.DataFrame) -> Array:
        """What the pipeline says of each row: its probabilities, a column for each class, or its value."""

    def tests(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows on which it is to be compared with the pipeline: these, and others made of them."""


class InParts:
    """What a predictor says of any part of a file, from any thread.

    The model itself predicts the first rows; a day often has no more. When others follow, they are predicted both ways,
    and so are rows made of them that lie on each value at which a form may go another way. A form that is not for this
    model, or that says anything else of any of these, is not used.
    """

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self._lock = Lock()
        self._calls = 0
        self._form: Form | None = None

    def __call__(self, rows: pd.DataFrame) -> Array:
        """What is predicted of each row."""
        with self._lock:
            self._calls += 1
            if self._calls == 2:
                self._form = next(self._equal_forms(rows), None)
            form = self._form
        return self._by(form, rows) if form else self._predictor(rows)

    def _by(self, form: Form, rows: pd.DataFrame) -> Array:
        return self._predictor.problem.checked(form(rows), len(rows))

    def _equal_forms(self, rows: pd.DataFrame) -> Iterator[Form]:
        """Those that say the same, the quickest first; a line in the log for each that does not."""
        if not isinstance(self._predictor.model, Pipeline):
            return
        for kind in (ByTables, ByDistinctTexts):
            try:
                form: Form = kind(self._predictor.model)
                tests = form.tests(rows)
                apart = float(np.abs(self._by(form, tests) - self._predictor(tests)).max())
            except Exception as error:  # any pipeline may be named as the model
                log.warning("%s cannot predict for this model (%s: %s)", kind.__name__, type(error).__name__, error)
                continue
            if apart <= TOLERANCE:
                yield form
            else:
                log.warning("%s is not used: what it predicts is up to %g off", kind.__name__, apart)


class ByTables:
    """By tables of what each value of a column does to the trees: no row is encoded, and no tree is walked through.

    The pipeline makes each of its features of one column alone, and trees only ask on which side of a threshold a
    feature lies. So the pipeline is asked once for each text and for one number between any two thresholds. Several
    classes have trees of their own each.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        numbers, texts, encoder = _columns_of(pipeline)
        _require(pipeline["encode"].named_transformers_["numbers"], SimpleImputer)
        _require(pipeline["drop_constant"], VarianceThreshold)
        self._model = pipeline["classify"]
        _require(self._model, HistGradientBoostingClassifier, HistGradientBoostingRegressor)
        bases = self._model._baseline_prediction.ravel()
        self._trees = [
            Trees([trees[place].nodes for trees in self._model._predictors], float(base))
            for place, base in enumerate(bases)
        ]
        features = _features_of_columns(pipeline[:-1].get_feature_names_out(), [*numbers, *texts])
        if not set().union(*(trees.features for trees in self._trees)) <= set().union(*features.values()):
            raise TypeError("a feature is of no column, or of several")
        self._columns: dict[str, _Number | _Text] = {
            **{name: _Number(self._thresholds(features[name])) for name in numbers},
            **{name: _Text(learned) for name, learned in zip(texts, _learned(encoder, texts), strict=True)},
        }
        # Side by side: the pipeline looks at each column alone. Short ones go on as missing.
        each = pd.DataFrame({name: pd.Series(column.each, dtype=column.type) for name, column in self._columns.items()})
        encoded = pipeline[:-1].transform(each)
        self._tables = [self._tables_of(trees, encoded, features) for trees in self._trees]

    def __call__(self, rows: pd.DataFrame) -> Array:
        """What the trees add up to, as their model turns that into what it says."""
        codes = [column.codes(rows[name]) for name, column in self._columns.items()]
        sums = [trees.sums(table, codes) for trees, table in zip(self._trees, self._tables, strict=True)]
        if isinstance(self._model, HistGradientBoostingRegressor):
            values: Array = self._model._loss.link.inverse(sums[0])
            return values
        raw = sums[0] if len(sums) == 1 else np.column_stack(sums)
        probabilities: Array = self._model._loss.predict_proba(raw)
        return probabilities

    def tests(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows, and some of them again with each text, and with the number at each threshold and the next one."""
        texts = [name for name, column in self._columns.items() if isinstance(column, _Text)]
        rows = rows[list(self._columns)].astype(dict.fromkeys(texts, object))
        tests = [rows]
        for name, column in self._columns.items():
            values = column.each if isinstance(column, _Text) else [*column.each, *np.nextafter(column.each, np.inf)]
            some = rows.iloc[np.arange(len(values)) % len(rows)]
            tests.append(some.assign(**{name: values}))
        return pd.concat(tests, ignore_index=True)

    def _thresholds(self, features: Sequence[int]) -> Numbers:
        """The values between which any of the trees tell these features apart, in order."""
        return np.unique(np.concatenate([trees.thresholds(features) for trees in self._trees]))

    def _tables_of(self, trees: Trees, encoded: Any, features: dict[str, list[int]]) -> list[Table]:
        return tables(
            [trees.masks(encoded[: len(column.each)], features[name]) for name, column in self._columns.items()]
        )


def number_codes(values: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Between which thresholds each value lies; above all of them those that are missing."""
    codes: np.ndarray = np.searchsorted(np.append(thresholds, np.inf), values)
    return codes


class _Number:
    """A column of numbers: as trees see it, between which thresholds a number lies, or that it is missing."""

    type = "float64"

    def __init__(self, thresholds: np.ndarray) -> None:
        above = np.nextafter(thresholds[-1:], np.inf) if thresholds.size else [0.0]
        self.each: list[Any] = [*thresholds, *above, np.nan]
        self._thresholds = thresholds

    def codes(self, values: pd.Series) -> np.ndarray:
        """Which of `each` stands for each value. What is missing comes after all numbers."""
        return number_codes(values.to_numpy(), self._thresholds)


class _Text:
    """A column of texts: those that the pipeline has learned, one that it has not, and a missing one."""

    type = "object"

    def __init__(self, learned: Sequence[Any]) -> None:
        self._learned = pd.Index([text for text in learned if isinstance(text, str)])
        self.each: list[Any] = [*self._learned, "other" + "".join(self._learned), np.nan]

    def codes(self, values: pd.Series) -> np.ndarray:
        """Which of `each` stands for each value."""
        texts = values.astype("category").cat
        of_distinct = self._learned.get_indexer(texts.categories)
        of_distinct[of_distinct < 0] = len(self._learned)
        # pandas codes what is missing as -1: the last.
        codes: np.ndarray = np.append(of_distinct, len(self.each) - 1)[texts.codes]
        return codes


class ByDistinctTexts:
    """By the pipeline's own steps, but for its encoder of texts: that need not see a text twice."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._names, self._texts, self._encoder = _columns_of(pipeline)
        if not self._texts:
            raise TypeError("it has no columns of texts")
        self._numbers = pipeline["encode"].named_transformers_["numbers"]
        self._pipeline = pipeline

    def __call__(self, rows: pd.DataFrame) -> Array:
        """What the rest of the pipeline says of the encoded rows."""
        features = np.hstack([self._numbers.transform(rows[self._names]), _codes(self._encoder, rows[self._texts])])
        rest = self._pipeline[1:]
        said: Array = rest.predict_proba(features) if hasattr(rest, "predict_proba") else rest.predict(features)
        return said

    def tests(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows."""
        return rows


def _columns_of(pipeline: Pipeline) -> tuple[list[str], list[str], OrdinalEncoder]:
    """The columns of numbers and of texts, and what encodes the latter. Raises TypeError for another encoder."""
    encode = pipeline["encode"]
    columns = {name: list(of) for name, _, of in encode.transformers_}
    encoder = encode.named_transformers_["categories"]
    _require(encoder, OrdinalEncoder)
    return columns["numbers"], columns["categories"], encoder


def _learned(encoder: OrdinalEncoder, texts: Sequence[str]) -> Sequence[Any]:
    """The texts of each column that the encoder knows; one that has no column was never fitted."""
    return encoder.categories_ if texts else []


def _codes(encoder: OrdinalEncoder, texts: pd.DataFrame) -> np.ndarray:
    """The codes of each row's texts, from those of the distinct ones."""
    columns = {name: texts[name].astype("category").cat for name in texts}
    # A row for each distinct text, and then one that is missing, which pandas codes as -1: the last.
    length = 1 + max(len(column.categories) for column in columns.values())
    distinct = pd.DataFrame(
        {name: [*column.categories, *[np.nan] * (length - len(column.categories))] for name, column in columns.items()},
        dtype=object,
    )
    codes = encoder.transform(distinct)
    return np.column_stack([codes[column.codes, place] for place, column in enumerate(columns.values())])


def _features_of_columns(names: Sequence[str], columns: Sequence[str]) -> dict[str, list[int]]:
    """Which features the pipeline makes of each column: the column itself, and whether it is missing."""
    return {
        column: [place for place, name in enumerate(names) if name in (column, f"missingindicator_{column}")]
        for column in columns
    }


def _require(step: Any, *kinds: type) -> None:
    if type(step) not in kinds:
        names = " or ".join(kind.__name__ for kind in kinds)
        raise TypeError(f"a step is of {type(step).__name__} and not of {names}")
