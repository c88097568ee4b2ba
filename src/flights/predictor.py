"""Predictor: what a fitted pipeline says of rows, with its encoder asked once for each distinct text."""

import logging
from threading import Lock

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

from flights.features import CATEGORIES, FEATURES, NUMBERS

log = logging.getLogger(__name__)

TOLERANCE = 1e-6
"""How far the two ways may be apart, on any row. Where both are ours they are the same to the last bit."""


class Predictor:
    """The probability of being late, for any part of a file, from any thread.

    An ordinal encoder looks at each value alone, so it need not see a text twice: the same codes for every row, for
    less work. That is not taken on trust: the first rows are predicted both ways, and where these differ, or the
    pipeline is not built as `flights.features` does, the pipeline itself predicts all rows.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._lock = Lock()
        self._is_equal: bool | None = None

    def __call__(self, rows: pd.DataFrame) -> np.ndarray:
        """P(late) of each row."""
        with self._lock:
            if self._is_equal is None:
                plain = self._plainly(rows)
                self._is_equal = self._equals(plain, rows)
                return plain
        return self._by_distinct_texts(rows) if self._is_equal else self._plainly(rows)

    def _plainly(self, rows: pd.DataFrame) -> np.ndarray:
        probability: np.ndarray = self._pipeline.predict_proba(rows[FEATURES])[:, 1]
        return probability

    def _by_distinct_texts(self, rows: pd.DataFrame) -> np.ndarray:
        encode = self._pipeline["encode"]
        numbers = encode.named_transformers_["numbers"].transform(rows[NUMBERS])
        texts = _codes(encode.named_transformers_["categories"], rows[CATEGORIES])
        probability: np.ndarray = self._pipeline[1:].predict_proba(np.hstack([numbers, texts]))[:, 1]
        return probability

    def _equals(self, plain: np.ndarray, rows: pd.DataFrame) -> bool:
        """Whether the two ways say the same of these rows; a line in the log if not."""
        try:
            apart = float(np.abs(self._by_distinct_texts(rows) - plain).max())
        except Exception as error:  # any pipeline may be named as the model
            log.warning("Predicting row by row: texts cannot be encoded apart (%s: %s)", type(error).__name__, error)
            return False
        if apart > TOLERANCE:
            log.warning("Predicting row by row: with texts encoded apart, probabilities are up to %g off", apart)
        return apart <= TOLERANCE


def _codes(encoder: OrdinalEncoder, texts: pd.DataFrame) -> np.ndarray:
    """The codes of each row's texts, from those of the distinct ones."""
    if not isinstance(encoder, OrdinalEncoder):
        raise TypeError(f"{type(encoder).__name__} gives no code for each text")
    columns = {name: texts[name].astype("category").cat for name in texts}
    # A row for each distinct text, and then one that is missing, which pandas codes as -1: the last.
    length = 1 + max(len(column.categories) for column in columns.values())
    distinct = pd.DataFrame(
        {name: [*column.categories, *[np.nan] * (length - len(column.categories))] for name, column in columns.items()},
        dtype=object,
    )
    codes = encoder.transform(distinct)
    return np.column_stack([codes[column.codes, place] for place, column in enumerate(columns.values())])
