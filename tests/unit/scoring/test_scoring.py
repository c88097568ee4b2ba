"""Scoring in parts: pandas' bytes, the whole's numbers, and a pipeline that is asked plainly where it must be."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flights import contract, stream, synthetic
from flights.features import CATEGORIES, FEATURES, build
from flights.predictor import Predictor
from galley.scoring import csv
from galley.scoring.overlap import in_order
from galley.scoring.score import score

SHOWN = ["flight_id", "carrier"]


@pytest.fixture(scope="module")
def data():
    day = synthetic.generate(pd.Timestamp("2026-11-23").date(), rows=4000)
    day.data.loc[::7, "plane_manufacturer"] = None
    day.data.loc[5, "flight_id"] = 'a, "quoted" one'
    return contract.check_data(day.data).assign(late=day.target["late"])


def fitted(data, estimator, **settings):
    train = data[:3000]
    return build(estimator, settings, seed=0).fit(train[FEATURES], train["late"])


@pytest.fixture
def file(data, tmp_path, monkeypatch):
    monkeypatch.setattr(csv, "PART_BYTES", 60_000)
    data.drop(columns="late").to_csv(tmp_path / "data.csv", index=False)
    return tmp_path / "data.csv"


def plainly(pipeline, file):
    """What a script of four lines writes."""
    data = contract.read_data(file)
    rows = data[["flight_id"]].assign(probability=pipeline.predict_proba(data[FEATURES])[:, 1])
    rows["prediction"] = (rows["probability"] >= 0.3).astype(int)
    rows.to_csv(file.with_name("plain.csv"), index=False, lineterminator="\n")
    return rows


def in_parts(pipeline, file):
    parts, target = stream.stream_data(file), file.with_name("parts.csv")
    return score(parts, target, Predictor(pipeline), key="flight_id", threshold=0.3, show=SHOWN)


@pytest.mark.parametrize(
    ("estimator", "settings"), [("hist_gradient_boosting", {"max_iter": 30}), ("random_forest", {"n_estimators": 20})]
)
def test_the_bytes_are_those_of_a_plain_script(data, file, estimator, settings):
    pipeline = fitted(data, estimator, **settings)
    plainly(pipeline, file)
    in_parts(pipeline, file)
    assert file.with_name("parts.csv").read_bytes() == file.with_name("plain.csv").read_bytes()


def test_what_is_said_of_the_whole_is_so(data, file):
    pipeline = fitted(data, "hist_gradient_boosting", max_iter=30)
    rows, scored = plainly(pipeline, file), in_parts(pipeline, file)
    assert (scored.rows, scored.positive) == (4000, rows["prediction"].sum())
    assert scored.mean == pytest.approx(rows["probability"].mean())
    assert scored.quantile(0.5) == pytest.approx(rows["probability"].median(), abs=0.001)
    assert scored.histogram(40)[0].tolist() == np.histogram(rows["probability"], 40, (0, 1))[0].tolist()
    expected = data[SHOWN].merge(rows, on="flight_id").nlargest(10, "probability")
    assert scored.likeliest.to_dict("records") == expected.to_dict("records")


@given(st.floats(allow_infinity=False), st.text(st.characters(codec="utf-8"), max_size=5))
def test_any_number_and_any_text_are_written_as_pandas_writes_them(number, text):
    frame = pd.DataFrame({"key": [text, None], "number": [number, 0.5], "whole": [1, 0]})
    assert csv.lines(frame) == frame.to_csv(index=False, header=False, lineterminator="\n").encode()


@pytest.mark.parametrize("estimator", ["hist_gradient_boosting", "random_forest"])
def test_texts_encoded_apart_give_the_very_same_probabilities(data, estimator):
    pipeline = fitted(data, estimator)
    predictor, unseen = Predictor(pipeline), data.assign(dest=["NEW", *data["dest"][1:]])
    predictor(data[:10])
    by_texts = predictor(unseen.astype(dict.fromkeys(CATEGORIES, "category")))
    assert by_texts.tolist() == pipeline.predict_proba(unseen[FEATURES])[:, 1].tolist()


def test_another_kind_of_pipeline_is_asked_plainly_and_the_log_says_why(data, caplog):
    pipeline = fitted(data, "logistic_regression")
    predictor = Predictor(pipeline)
    for rows in (data[:100], data):
        assert predictor(rows).tolist() == pipeline.predict_proba(rows[FEATURES])[:, 1].tolist()
    assert [record.message for record in caplog.records if record.levelno == logging.WARNING] == [
        "Predicting row by row: texts cannot be encoded apart (TypeError: OneHotEncoder gives no code for each text)"
    ]


def test_a_pipeline_that_says_something_else_of_texts_apart_is_asked_plainly(data, caplog, monkeypatch):
    pipeline = fitted(data, "hist_gradient_boosting")
    monkeypatch.setattr("flights.predictor._codes", lambda _, texts: np.zeros(texts.shape))
    predictor = Predictor(pipeline)
    for rows in (data[:1000], data):
        assert predictor(rows).tolist() == pipeline.predict_proba(rows[FEATURES])[:, 1].tolist()
    assert "with texts encoded apart, probabilities are up to" in caplog.text


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
