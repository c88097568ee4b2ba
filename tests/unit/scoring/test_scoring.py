"""Scoring in parts: pandas' bytes, the whole's numbers, and a pipeline that is asked plainly where it must be."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from flights import synthetic
from flights.contract import DATA
from flights.features import CATEGORIES, FEATURES, NUMBERS, build
from galley.contract import plain
from galley.errors import ModelNotFound
from galley.problems import Binary, Multiclass, Regression
from galley.problems.predictor import Predictor
from galley.scoring import csv
from galley.scoring.forms import ByDistinctTexts, ByTables, InParts, _Number
from galley.scoring.overlap import in_order
from galley.scoring.score import score
from galley.scoring.trees import Trees
from galley.training import tabular

SHOWN = ["flight_id", "carrier"]


@pytest.fixture(scope="module")
def data():
    day = synthetic.generate(pd.Timestamp("2026-11-23").date(), rows=4000)
    day.data.loc[::7, "plane_manufacturer"] = None
    day.data.loc[5, "flight_id"] = 'a, "quoted" one'
    return DATA.check(day.data, "data.csv").assign(late=day.target["late"])


def fitted(data, estimator, **settings):
    train = data[:3000]
    return build(estimator, settings, seed=0).fit(train[FEATURES], train["late"])


@pytest.fixture
def file(data, tmp_path, monkeypatch):
    monkeypatch.setattr(plain, "PART_BYTES", 60_000)
    data.drop(columns="late").to_csv(tmp_path / "data.csv", index=False)
    return tmp_path / "data.csv"


def plainly(pipeline, file):
    """What a script of four lines writes."""
    data = DATA.read(file)
    rows = data[["flight_id"]].assign(probability=pipeline.predict_proba(data[FEATURES])[:, 1])
    rows["prediction"] = (rows["probability"] >= 0.3).astype(int)
    rows.to_csv(file.with_name("plain.csv"), index=False, lineterminator="\n")
    return rows


def predictor(pipeline, problem=None):
    return Predictor(
        pipeline,
        problem or Binary(threshold=0.3),
        {name: "double" if name in NUMBERS else "string" for name in FEATURES},
    )


def in_parts(pipeline, file):
    parts, target = DATA.parts(file), file.with_name("parts.csv")
    return score(parts, target, predictor(pipeline), key="flight_id", show=SHOWN)


@pytest.mark.parametrize(
    ("estimator", "settings"), [("hist_gradient_boosting", {"max_iter": 30}), ("random_forest", {"n_estimators": 20})]
)
def test_the_bytes_are_those_of_a_plain_script(data, file, estimator, settings, caplog):
    pipeline = fitted(data, estimator, **settings)
    plainly(pipeline, file)
    in_parts(pipeline, file)
    assert ("ByTables" in caplog.text) == (estimator == "random_forest"), "or another form was compared"
    assert "ByDistinctTexts" not in caplog.text
    assert file.with_name("parts.csv").read_bytes() == file.with_name("plain.csv").read_bytes()


def test_what_is_said_of_the_whole_is_so(data, file):
    pipeline = fitted(data, "hist_gradient_boosting", max_iter=30)
    rows, scored = plainly(pipeline, file), in_parts(pipeline, file)
    assert (scored.rows, scored.predicted[1]) == (4000, rows["prediction"].sum())
    assert scored.numbers.mean == pytest.approx(rows["probability"].mean())
    assert scored.numbers.quantile(0.5) == pytest.approx(rows["probability"].median(), abs=0.001)
    assert scored.numbers.histogram(40)[0].tolist() == np.histogram(rows["probability"], 40, (0, 1))[0].tolist()
    expected = data[SHOWN].merge(rows, on="flight_id").nlargest(10, "probability")
    assert scored.top.to_dict("records") == expected.to_dict("records")


@given(st.floats(allow_infinity=False), st.text(st.characters(codec="utf-8"), max_size=5))
def test_any_number_and_any_text_are_written_as_pandas_writes_them(number, text):
    frame = pd.DataFrame({"key": [text, None], "number": [number, 0.5], "whole": [1, 0]})
    assert csv.lines(frame) == frame.to_csv(index=False, header=False, lineterminator="\n").encode()


@pytest.mark.parametrize("form", [ByTables, ByDistinctTexts])
def test_a_form_says_the_very_same_of_each_row_and_of_each_value_at_which_it_goes_another_way(data, form):
    pipeline = fitted(data, "hist_gradient_boosting")
    tests = form(pipeline).tests(data.assign(dest=["NEW", *data["dest"][1:]]))
    for texts in ("object", "category"):
        rows = tests.astype(dict.fromkeys(CATEGORIES, texts))
        assert form(pipeline)(rows).tolist() == pipeline.predict_proba(tests[FEATURES]).tolist()


def test_the_tests_have_each_threshold_the_next_number_each_text_and_what_is_missing(data):
    pipeline = fitted(data, "hist_gradient_boosting")
    tests = ByTables(pipeline).tests(data[:10])
    names = pipeline[:-1].get_feature_names_out()
    for (nodes,) in ([tree.nodes for tree in trees] for trees in pipeline["classify"]._predictors):
        for node in nodes[nodes["is_leaf"] == 0]:
            if (name := names[node["feature_idx"]]) in NUMBERS:
                assert {node["num_threshold"], np.nextafter(node["num_threshold"], np.inf)} <= set(tests[name])
    assert set(data["dest"]) < set(tests["dest"].dropna())
    assert tests[FEATURES].isna().any().all()


def test_columns_that_are_constant_or_empty_are_no_hindrance(data):
    rows = data.assign(hour=7.0, wind_gust=np.nan, carrier="AA", plane_manufacturer=None)
    pipeline = fitted(rows, "hist_gradient_boosting")
    assert ByTables(pipeline)(data).tolist() == pipeline.predict_proba(data[FEATURES]).tolist()


def test_a_random_forest_is_asked_with_its_texts_encoded_apart(data, caplog):
    pipeline = fitted(data, "random_forest", n_estimators=20)
    assert asked_in_parts(pipeline, data).tolist() == pipeline.predict_proba(data[FEATURES])[:, 1].tolist()
    assert warnings_in(caplog) == [
        "ByTables cannot predict for this model "
        "(TypeError: a step is of RandomForestClassifier and not of HistGradientBoostingClassifier or "
        "HistGradientBoostingRegressor)"
    ]


def several(kind, data):
    """A pipeline of boosted trees for classes or for a number, its problem, and what it says of all rows."""
    estimator = HistGradientBoostingClassifier if kind == "multiclass" else HistGradientBoostingRegressor
    pipeline = tabular(estimator(max_iter=15, random_state=0), NUMBERS, CATEGORIES, linear=False)
    target = data["hour"] + data["wind_speed"].fillna(0)
    if kind == "multiclass":
        target = pd.cut(target, 4, labels=["a", "b", "c", "d"]).astype(str)
        pipeline.fit(data[FEATURES], target)
        return pipeline, Multiclass(("a", "b", "c", "d")), pipeline.predict_proba(data[FEATURES])
    pipeline.fit(data[FEATURES], target)
    return pipeline, Regression(), pipeline.predict(data[FEATURES])


@pytest.mark.parametrize("kind", ["multiclass", "regression"])
@pytest.mark.parametrize("form", [ByTables, ByDistinctTexts])
def test_classes_and_numbers_have_forms_that_say_the_very_same_too(data, kind, form):
    pipeline, _, expected = several(kind, data)
    assert form(pipeline)(data).tolist() == expected.tolist()


@pytest.mark.parametrize("loss", ["poisson", "absolute_error"])
def test_a_regression_by_any_loss_is_undone_by_its_link(data, loss):
    model = HistGradientBoostingRegressor(max_iter=5, loss=loss, random_state=0)
    pipeline = tabular(model, NUMBERS, [], linear=False).fit(data[FEATURES], data["hour"])
    assert ByTables(pipeline)(data).tolist() == pipeline.predict(data[FEATURES]).tolist()


@pytest.mark.parametrize("kind", ["multiclass", "regression"])
def test_the_bytes_of_classes_and_numbers_are_those_of_a_plain_script(data, file, kind, caplog):
    pipeline, problem, said = several(kind, data)
    plain_rows = pd.concat([data[["flight_id"]], problem.frame(said)], axis=1)
    plain_rows.to_csv(file.with_name("plain.csv"), index=False, lineterminator="\n")
    target = file.with_name("parts.csv")
    scored = score(DATA.parts(file), target, predictor(pipeline, problem), key="flight_id", show=SHOWN)
    assert "By" not in caplog.text, "or the plain way was compared with itself"
    assert target.read_bytes() == file.with_name("plain.csv").read_bytes()
    assert scored.numbers.mean == pytest.approx(problem.number(said).mean())
    assert scored.numbers.quantile(0.9) == pytest.approx(np.quantile(problem.number(said), 0.9), rel=0.03)
    assert scored.numbers.histogram(40)[0].sum() == len(data)


def test_a_model_that_says_one_row_too_few_writes_no_predictions(data, file):
    class Short:
        def predict(self, rows):
            return np.zeros(len(rows) - 1)

    with pytest.raises(ModelNotFound, match="asked about"):
        score(DATA.parts(file), file.with_name("p.csv"), Predictor(Short(), Regression(), {}), key="flight_id", show=[])
    assert file.with_name("p.csv").read_bytes() == b""


def test_another_kind_of_pipeline_is_asked_plainly_and_the_log_says_why(data, caplog):
    pipeline = fitted(data, "logistic_regression")
    assert asked_in_parts(pipeline, data).tolist() == pipeline.predict_proba(data[FEATURES])[:, 1].tolist()
    assert warnings_in(caplog) == [
        "ByTables cannot predict for this model (TypeError: a step is of OneHotEncoder and not of OrdinalEncoder)",
        "ByDistinctTexts cannot predict for this model "
        "(TypeError: a step is of OneHotEncoder and not of OrdinalEncoder)",
    ]


def test_a_form_that_says_something_else_is_not_used(data, caplog, monkeypatch):
    pipeline = fitted(data, "hist_gradient_boosting")
    monkeypatch.setattr("galley.scoring.forms._codes", lambda _, texts: np.zeros(texts.shape))
    monkeypatch.setattr(Trees, "sums", lambda *arguments: np.zeros(len(arguments[-1][0])))
    assert asked_in_parts(pipeline, data).tolist() == pipeline.predict_proba(data[FEATURES])[:, 1].tolist()
    said = warnings_in(caplog)
    assert [line.split(" is not used: what it predicts is up to ")[0] for line in said] == [
        "ByTables",
        "ByDistinctTexts",
    ]


def test_a_difference_at_one_threshold_alone_is_found(data, caplog, monkeypatch):
    """As it would be if numbers were rounded on their way: nothing but a value at a threshold tells."""
    pipeline = fitted(data, "hist_gradient_boosting")
    exactly = _Number.codes
    monkeypatch.setattr(_Number, "codes", lambda self, values: exactly(self, values.astype("float32")))
    asked_in_parts(pipeline, data)
    assert "ByTables is not used: what it predicts is up to" in caplog.text


def test_a_day_is_predicted_by_the_pipeline_itself(data, monkeypatch):
    pipeline = fitted(data, "hist_gradient_boosting")
    monkeypatch.delattr("galley.scoring.forms.ByTables")
    assert InParts(predictor(pipeline))(data).tolist() == pipeline.predict_proba(data[FEATURES])[:, 1].tolist()


def asked_in_parts(pipeline, data):
    predict = InParts(predictor(pipeline))
    return np.concatenate([predict(data[first : first + 1000]) for first in range(0, len(data), 1000)])


def warnings_in(caplog):
    return [record.message for record in caplog.records if record.levelno == logging.WARNING]


def test_results_come_in_order_and_only_a_few_items_wait():
    fetched = []

    def items():
        for item in range(1000):
            fetched.append(item)
            yield item

    ahead = [len(fetched) - result for result in in_order(lambda item: item, items())]
    assert len(ahead) == 1000
    assert max(ahead) < 1000 // 4


def test_an_error_ends_the_work_at_once():
    fetched = []

    def fails(item):
        raise ValueError(item)

    with pytest.raises(ValueError, match="0"):
        list(in_order(fails, (fetched.append(item) or item for item in range(1000))))
    assert len(fetched) < 1000
