"""The saved model: it loads as it was, by a list of trusted types, and its bytes depend on the model alone."""

import subprocess
import sys

import mlflow.sklearn
import pytest
import skops.io

from flights.features import ESTIMATORS, FEATURES, build
from galley.storage import files
from galley.training.saved_model import REQUIREMENTS, SKOPS_FILE, save, trusted_types

each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)

SAVE_IN_ANOTHER_PROCESS = """
import sys
from datetime import date
from pathlib import Path
from flights import contract, synthetic
from flights.features import FEATURES, build
from galley.training.saved_model import save
batch = synthetic.generate(date(2026, 11, 23), rows=300, late_share=0.3)
data = contract.DATA.check(batch.data, "data.csv")
pipeline = build(sys.argv[1], {}, seed=0).fit(data, contract.LABELS.check(batch.target, "target.csv")["late"])
save(pipeline, Path(sys.argv[2]), data[FEATURES], "another")
"""


@each_estimator
def test_it_loads_as_it_was_saved(estimator, data, late, tmp_path):
    pipeline = build(estimator, {}, seed=0).fit(data, late)
    save(pipeline, tmp_path / "model", data[FEATURES], "run")
    loaded = mlflow.sklearn.load_model(str(tmp_path / "model"))
    assert (loaded.predict_proba(data) == pipeline.predict_proba(data)).all()


@each_estimator
def test_the_same_rows_give_the_same_bytes_in_another_process(estimator, data, late, tmp_path):
    pipeline = build(estimator, {}, seed=0).fit(data, late)
    save(pipeline, tmp_path / "one", data[FEATURES], "one")
    subprocess.run([sys.executable, "-c", SAVE_IN_ANOTHER_PROCESS, estimator, str(tmp_path / "other")], check=True)
    one, other = (files.digest(tmp_path / name / SKOPS_FILE) for name in ("one", "other"))
    assert one == other


def test_other_rows_give_other_bytes(data, late, tmp_path):
    for name, rows in (("all", 300), ("some", 250)):
        pipeline = build("logistic_regression", {}, seed=0).fit(data[:rows], late[:rows])
        save(pipeline, tmp_path / name, data[FEATURES], "run")
    assert files.digest(tmp_path / "all" / SKOPS_FILE) != files.digest(tmp_path / "some" / SKOPS_FILE)


@each_estimator
def test_nothing_is_trusted_that_the_model_does_not_hold(estimator, data, late, tmp_path):
    pipeline = build(estimator, {}, seed=0).fit(data, late)
    save(pipeline, tmp_path / "model", data[FEATURES], "run")
    assert skops.io.get_untrusted_types(file=tmp_path / "model" / SKOPS_FILE) == sorted(trusted_types(pipeline))


def test_the_folder_says_which_run_it_is_of_and_what_it_needs(data, late, tmp_path):
    pipeline = build("logistic_regression", {}, seed=0).fit(data, late)
    save(pipeline, tmp_path / "model", data[FEATURES], "the-run")
    saved = mlflow.models.Model.load(str(tmp_path / "model"))
    assert saved.run_id == "the-run"
    assert "hour" in saved.signature.inputs.input_names()
    assert set(REQUIREMENTS) <= set((tmp_path / "model" / "requirements.txt").read_text().split())
