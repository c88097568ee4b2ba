"""Pipeline: numbers and categories of a table into a scikit-learn estimator, whatever a day lacks."""

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler


def tabular(estimator: BaseEstimator, numbers: list[str], categories: list[str], *, linear: bool) -> Pipeline:
    """The pipeline that is not fitted yet: it takes frames with these columns, and any others, which it drops.

    Columns that are empty or constant in the rows it is fitted on are dropped, since HistGradientBoosting refuses them.
    When it predicts, a missing number is the fitted median, and a category that is new or missing is one of its own.
    """
    encode_numbers, encode_categories = _encoders(linear=linear)
    columns = [("numbers", encode_numbers, numbers), ("categories", encode_categories, categories)]
    return Pipeline(
        [
            ("encode", ColumnTransformer(columns, verbose_feature_names_out=False)),
            ("drop_constant", VarianceThreshold()),
            ("classify", estimator),
        ]
    )


def dropped(model: Any) -> list[str]:
    """The columns, as encoded, that a fitted pipeline leaves out; none if it is no pipeline."""
    if not isinstance(model, Pipeline):
        return []
    encoded = model["encode"].get_feature_names_out()
    return list(encoded[~model["drop_constant"].get_support()])


def _encoders(*, linear: bool) -> tuple[Any, Any]:
    """How numbers and categories become columns: trees take ranks, a linear model needs a scale and a column each."""
    imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    if linear:
        return make_pipeline(imputer, StandardScaler()), OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return imputer, OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-2, encoded_missing_value=-1)
