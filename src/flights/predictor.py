"""Predictor: what a fitted pipeline says of rows, in a form that needs less work, where that says the same."""

import logging
from collections.abc import Iterator, Sequence
from threading import Lock
from typing import Any, Protocol

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from flights.features import CATEGORIES, FEATURES, NUMBERS
from galley.scoring.trees import Trees, tables

log = logging.getLogger(__name__)

TOLERANCE = 1e-6
"""How far a form may be from the pipeline, on any row. Where both are ours they are the same to the last bit."""


class Form(Protocol):
    """Another way to say what a pipeline says. Making it fails for a pipeline that it is not for."""

    def __init__(self, pipeline: Pipeline) -> None: ...

    def __call__(self, rows: pd.DataFrame) -> np.ndarray:
        """P(late) of each row."""

    def tests(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows on which it is to be compared with the pipeline: these, and others made of them."""


class Predictor:
    """The probability of being late, for any part of a file, from any thread.

    The pipeline itself predicts the first rows; a day has no more. When others follow, they are predicted both ways,
    and so are rows made of them that lie on each value at which the form may go another way. A form that is not for
    this pipeline, or that says anything else of any of these, is not used.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._lock = Lock()
        self._calls = 0
        self._form: Form | None = None

    def __call__(self, rows: pd.DataFrame) -> np.ndarray:
        """P(late) of each row."""
        with self._lock:
            self._calls += 1
            if self._calls == 2:
                self._form = next(self._equal_forms(rows), None)
            form = self._form
        return form(rows) if form else self._plainly(rows)

    def _plainly(self, rows: pd.DataFrame) -> np.ndarray:
        probability: np.ndarray = self._pipeline.predict_proba(rows[FEATURES])[:, 1]
        return probability

    def _equal_forms(self, rows: pd.DataFrame) -> Iterator[Form]:
        """Those that say the same, the quickest first; a line in the log for each that does not."""
        for kind in (ByTables, ByDistinctTexts):
            try:
                form: Form = kind(self._pipeline)
                tests = form.tests(rows)
                apart = float(np.abs(form(tests) - self._plainly(tests)).max())
            except Exception as error:  # any pipeline may be named as the model
                log.warning("%s cannot predict for this model (%s: %s)", kind.__name__, type(error).__name__, error)
                continue
            if apart <= TOLERANCE:
                yield form
            else:
                log.warning("%s is not used: its probabilities are up to %g off", kind.__name__, apart)


class ByTables:
    """By tables of what each value of a column does to the trees: no row is encoded, and no tree is walked through.

    The pipeline makes each of its features of one column alone, and trees only ask on which side of a threshold a
    feature lies. So the pipeline is asked once for each text and for one number between any two thresholds.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        encode, self._classify = pipeline["encode"], pipeline["classify"]
        encoder = encode.named_transformers_["categories"]
        _require(encode.named_transformers_["numbers"], SimpleImputer)
        _require(encoder, OrdinalEncoder)
        _require(pipeline["drop_constant"], VarianceThreshold)
        _require(self._classify, HistGradientBoostingClassifier)
        (base,) = self._classify._baseline_prediction.ravel()  # more of them: more than two classes
        self._trees = Trees([trees[0].nodes for trees in self._classify._predictors], float(base))
        features = _features_of_columns(pipeline[:-1].get_feature_names_out())
        if not self._trees.features <= set().union(*features.values()):
            raise TypeError("a feature is of no column, or of several")
        self._columns: dict[str, _Number | _Text] = {
            **{name: _Number(self._trees.thresholds(features[name])) for name in NUMBERS},
            **{name: _Text(texts) for name, texts in zip(CATEGORIES, encoder.categories_, strict=True)},
        }
        # Side by side: the pipeline looks at each column alone. Short ones go on as missing.
        each = pd.DataFrame({name: pd.Series(column.each, dtype=column.type) for name, column in self._columns.items()})
        encoded = pipeline[:-1].transform(each)
        masks = [
            self._trees.masks(encoded[: len(column.each)], features[name]) for name, column in self._columns.items()
        ]
        self._tables = tables(masks)

    def __call__(self, rows: pd.DataFrame) -> np.ndarray:
        """P(late) of each row."""
        sums = self._trees.sums(self._tables, [column.codes(rows[name]) for name, column in self._columns.items()])
        probability: np.ndarray = self._classify._loss.predict_proba(sums)[:, 1]
        return probability

    def tests(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows, and some of them again with each text, and with the number at each threshold and the next one."""
        rows = rows[FEATURES].astype(dict.fromkeys(CATEGORIES, object))
        tests = [rows]
        for name, column in self._columns.items():
            values = column.each if isinstance(column, _Text) else [*column.each, *np.nextafter(column.each, np.inf)]
            some = rows.iloc[np.arange(len(values)) % len(rows)]
            tests.append(some.assign(**{name: values}))
        return pd.concat(tests, ignore_index=True)


class _Number:
    """A column of numbers: as trees see it, between which thresholds a number lies, or that it is missing."""

    type = "float64"

    def __init__(self, thresholds: np.ndarray) -> None:
        above = np.nextafter(thresholds[-1:], np.inf) if thresholds.size else [0.0]
        self.each: list[Any] = [*thresholds, *above, np.nan]
        self._ends = np.append(thresholds, np.inf)

    def codes(self, values: pd.Series) -> np.ndarray:
        """Which of `each` stands for each value. What is missing comes after all numbers."""
        codes: np.ndarray = np.searchsorted(self._ends, values.to_numpy())
        return codes


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
        transformers = pipeline["encode"].named_transformers_
        self._numbers, self._encoder = transformers["numbers"], transformers["categories"]
        _require(self._encoder, OrdinalEncoder)
        self._pipeline = pipeline

    def __call__(self, rows: pd.DataFrame) -> np.ndarray:
        """P(late) of each row."""
        features = np.hstack([self._numbers.transform(rows[NUMBERS]), _codes(self._encoder, rows[CATEGORIES])])
        probability: np.ndarray = self._pipeline[1:].predict_proba(features)[:, 1]
        return probability

    def tests(self, rows: pd.DataFrame) -> pd.DataFrame:
        """The rows."""
        return rows


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


def _features_of_columns(names: Sequence[str]) -> dict[str, list[int]]:
    """Which features the pipeline makes of each column: the column itself, and whether it is missing."""
    return {
        column: [place for place, name in enumerate(names) if name in (column, f"missingindicator_{column}")]
        for column in FEATURES
    }


def _require(step: Any, kind: type) -> None:
    if type(step) is not kind:
        raise TypeError(f"a step is of {type(step).__name__} and not of {kind.__name__}")
