"""The saved model: it loads as it was, by a list of trusted types, and its bytes depend on the model alone."""

import subprocess
import sys

import mlflow.sklearn
import pytest
import skops.io

from flights import model
from flights.features import ESTIMATORS, TRUSTED_TYPES, build
from galley.storage import files

each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)

SAVE_IN_ANOTHER_PROCESS = """
import sys
from datetime import date
from pathlib import Path
from flights import contract, model, synthetic
from flights.features import build
batch = synthetic.generate(date(2026, 11, 23), rows=300, late_share=0.3)
data = contract.check_data(batch.data)
pipeline = build(sys.argv[1], {}, seed=0).fit(data, contract.check_target(batch.target)["late"])
model.save(pipeline, Path(sys.argv[2]), sys.argv[1], data, "another")
"""


@each_estimator
def test_it_loads_as_it_was_saved(estimator, data, late, tmp_path):
    pipeline = build(estimator, {}, seed=0).fit(data, late)
    model.save(pipeline, tmp_path / "model", estimator, data, "run")
    loaded = mlflow.sklearn.load_model(str(tmp_path / "model"))
    assert (loaded.predict_proba(data) == pipeline.predict_proba(data)).all()


@each_estimator
def test_the_same_rows_give_the_same_bytes_in_another_process(estimator, data, late, tmp_path):
    pipeline = build(estimator, {}, seed=0).fit(data, late)
    model.save(pipeline, tmp_path / "one", estimator, data, "one")
    subprocess.run([sys.executable, "-c", SAVE_IN_ANOTHER_PROCESS, estimator, str(tmp_path / "other")], check=True)
    one, other = (files.digest(tmp_path / name / model.SKOPS_FILE) for name in ("one", "other"))
    assert one == other


def test_other_rows_give_other_bytes(data, late, tmp_path):
    for name, rows in (("all", 300), ("some", 250)):
        pipeline = build("logistic_regression", {}, seed=0).fit(data[:rows], late[:rows])
        model.save(pipeline, tmp_path / name, "logistic_regression", data, "run")
    assert files.digest(tmp_path / "all" / model.SKOPS_FILE) != files.digest(tmp_path / "some" / model.SKOPS_FILE)


@each_estimator
def test_nothing_is_trusted_that_the_model_does_not_hold(estimator, data, late, tmp_path):
    model.save(build(estimator, {}, seed=0).fit(data, late), tmp_path / "model", estimator, data, "run")
    assert skops.io.get_untrusted_types(file=tmp_path / "model" / model.SKOPS_FILE) == sorted(TRUSTED_TYPES[estimator])


def test_the_folder_says_which_run_it_is_of_and_what_it_needs(data, late, tmp_path):
    pipeline = build("logistic_regression", {}, seed=0).fit(data, late)
    model.save(pipeline, tmp_path / "model", "logistic_regression", data, "the-run")
    saved = mlflow.models.Model.load(str(tmp_path / "model"))
    assert saved.run_id == "the-run"
    assert "hour" in saved.signature.inputs.input_names()
    assert set(model.REQUIREMENTS) <= set((tmp_path / "model" / "requirements.txt").read_text().split())
