"""Features: the scikit-learn pipeline that turns a row of the contract into the probability of being late.

The only module of the package that needs scikit-learn.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sklearn.base import ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from flights.contract import DATA
from galley.errors import ParameterError
from galley.training.pipeline import tabular

_NOT_LEARNED_FROM = {"flight_id", "scheduled_departure"}
"""They name a row. What they say of the time of day is in `hour` and `departure_minute`."""

NUMBERS = [c.name for c in DATA if c.kind == "number"]
CATEGORIES = [c.name for c in DATA if c.kind == "text" and c.name not in _NOT_LEARNED_FROM]
FEATURES = NUMBERS + CATEGORIES

ESTIMATORS: dict[str, Callable[..., ClassifierMixin]] = {
    "logistic_regression": partial(LogisticRegression, C=0.01, max_iter=500),
    "hist_gradient_boosting": HistGradientBoostingClassifier,
    "random_forest": RandomForestClassifier,
}
"""The first is the example's; its regularisation is what the backtest in docs/benchmarks.md chose."""


def build(estimator: str, settings: Mapping[str, Any], seed: int) -> Pipeline:
    """The pipeline that is not fitted yet: it takes frames with FEATURES, and any other columns, which it drops.

    Raises ParameterError for an estimator or a setting that does not exist.
    """
    if estimator not in ESTIMATORS:
        raise ParameterError(f"estimator is {estimator!r}. Give one of: {', '.join(ESTIMATORS)}.")
    classifier = ESTIMATORS[estimator](random_state=seed)
    unknown = sorted(set(settings) - set(classifier.get_params()))
    if unknown:
        accepted = ", ".join(sorted(classifier.get_params()))
        raise ParameterError(f"{estimator} has no setting {unknown[0]!r}. Give some of: {accepted}.")
    return tabular(classifier.set_params(**settings), NUMBERS, CATEGORIES, linear=estimator == "logistic_regression")
