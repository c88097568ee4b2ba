"""Features: the scikit-learn pipeline that turns a row of the contract into the probability of being late.

The only module of the package that needs scikit-learn.
"""

from collections.abc import Mapping
from typing import Any

from sklearn.base import ClassifierMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from flights.contract import DATA
from galley.errors import ParameterError

_NOT_LEARNED_FROM = {"flight_id", "scheduled_departure"}
"""They name a row. What they say of the time of day is in `hour` and `departure_minute`."""

NUMBERS = [c.name for c in DATA if c.kind == "number"]
CATEGORIES = [c.name for c in DATA if c.kind == "text" and c.name not in _NOT_LEARNED_FROM]
FEATURES = NUMBERS + CATEGORIES

ESTIMATORS: dict[str, type[ClassifierMixin]] = {
    "hist_gradient_boosting": HistGradientBoostingClassifier,
    "logistic_regression": LogisticRegression,
    "random_forest": RandomForestClassifier,
}
_TRUSTED_ALWAYS = ["numpy.dtype"]
TRUSTED_TYPES = {
    "hist_gradient_boosting": [*_TRUSTED_ALWAYS, "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"],
    "logistic_regression": _TRUSTED_ALWAYS,
    "random_forest": [*_TRUSTED_ALWAYS, "sklearn.tree._tree.Tree"],
}
"""What skops must be told to trust when it loads each estimator, beyond what it trusts by itself."""


def build(estimator: str, settings: Mapping[str, Any], seed: int) -> Pipeline:
    """The pipeline that is not fitted yet: it takes frames with FEATURES, and any other columns, which it drops.

    Columns that are empty or constant in the rows it is fitted on are dropped, since HistGradientBoosting refuses them.
    When it predicts, a missing number is the fitted median, and a category that is new or missing is one of its own.
    Raises ParameterError for an estimator or a setting that does not exist.
    """
    if estimator not in ESTIMATORS:
        raise ParameterError(f"estimator is {estimator!r}. Give one of: {', '.join(ESTIMATORS)}.")
    classifier = ESTIMATORS[estimator](random_state=seed)
    unknown = sorted(set(settings) - set(classifier.get_params()))
    if unknown:
        accepted = ", ".join(sorted(classifier.get_params()))
        raise ParameterError(f"{estimator} has no setting {unknown[0]!r}. Give some of: {accepted}.")
    numbers, categories = _encoders(linear=estimator == "logistic_regression")
    columns = [("numbers", numbers, NUMBERS), ("categories", categories, CATEGORIES)]
    return Pipeline(
        [
            ("encode", ColumnTransformer(columns, verbose_feature_names_out=False)),
            ("drop_constant", VarianceThreshold()),
            ("classify", classifier.set_params(**settings)),
        ]
    )


def _encoders(*, linear: bool) -> tuple[Any, Any]:
    """How numbers and categories become columns: trees take ranks, a linear model needs a scale and a column each."""
    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    if linear:
        return make_pipeline(imputer, StandardScaler()), OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return imputer, OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-2, encoded_missing_value=-1)
