"""The pipeline: it learns from and predicts for days that are not as one would wish."""

import numpy as np
import pytest

from flights.contract import DATA
from flights.features import CATEGORIES, ESTIMATORS, FEATURES, NUMBERS, build
from galley.errors import ParameterError

each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)
quick = {"hist_gradient_boosting": {"max_iter": 5}, "logistic_regression": {}, "random_forest": {"n_estimators": 5}}


def fitted(estimator, data, late):
    return build(estimator, quick[estimator], seed=0).fit(data, late)


def assert_probabilities(probabilities, rows):
    assert probabilities.shape == (rows, 2)
    assert np.isfinite(probabilities).all()


@each_estimator
def test_it_learns_what_makes_flights_late(estimator, data, late):
    probability = fitted(estimator, data, late).predict_proba(data)[:, 1]
    assert probability[late == 1].mean() > probability[late == 0].mean() + 0.1


@each_estimator
@pytest.mark.filterwarnings("error")
def test_all_columns_that_may_be_missing_are_missing_in_the_fitted_day(estimator, data, late):
    nothing = {column.name: np.nan for column in DATA if column.nullable}
    bare = data.assign(**nothing).astype({"plane_manufacturer": "str"})
    assert_probabilities(fitted(estimator, bare, late).predict_proba(data), len(data))


@each_estimator
@pytest.mark.filterwarnings("error")
def test_columns_that_are_constant_in_the_fitted_day(estimator, data, late):
    constant = {**dict.fromkeys(NUMBERS, 1.0), **dict.fromkeys(CATEGORIES, "same"), "hour": data["hour"]}
    assert_probabilities(fitted(estimator, data.assign(**constant), late).predict_proba(data), len(data))


@each_estimator
@pytest.mark.filterwarnings("error")
def test_categories_that_were_never_seen(estimator, data, late):
    strange = data.assign(**dict.fromkeys(CATEGORIES, "new"))
    assert_probabilities(fitted(estimator, data, late).predict_proba(strange), len(data))


@each_estimator
@pytest.mark.filterwarnings("error")
def test_everything_is_missing_when_it_predicts(estimator, data, late):
    nothing = data.assign(**dict.fromkeys(FEATURES, np.nan)).astype(dict.fromkeys(CATEGORIES, "str"))
    assert_probabilities(fitted(estimator, data, late).predict_proba(nothing), len(data))


@each_estimator
def test_the_same_seed_gives_the_same_model(estimator, data, late):
    one, other = (fitted(estimator, data, late).predict_proba(data) for _ in range(2))
    assert (one == other).all()


def test_what_names_a_flight_is_not_learned_from():
    assert {"flight_id", "scheduled_departure", "late"}.isdisjoint(FEATURES)


def test_settings_reach_the_estimator():
    pipeline = build("hist_gradient_boosting", {"max_iter": 7}, seed=3)
    assert pipeline["classify"].get_params() | {"max_iter": 7, "random_state": 3} == pipeline["classify"].get_params()


def test_an_unknown_estimator_is_refused_with_those_there_are():
    with pytest.raises(ParameterError, match=r"'svm'\. Give one of: logistic_regression, hist_gradient_boosting"):
        build("svm", {}, seed=0)


def test_an_unknown_setting_is_refused_with_those_there_are():
    with pytest.raises(ParameterError, match=r"no setting 'max_depht'.*max_depth"):
        build("hist_gradient_boosting", {"max_depht": 3}, seed=0)
