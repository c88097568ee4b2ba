"""The saved model: it loads as it was, by types that the project trusts, and its bytes depend on the model alone."""

import subprocess
import sys
from pathlib import Path

import mlflow.sklearn
import pytest
import skops.io

from flights.features import ESTIMATORS, FEATURES, build
from galley.errors import SettingsError
from galley.project import read
from galley.storage import files
from galley.training.saved_model import REQUIREMENTS, SKOPS_FILE, save

TRUSTED = read(Path(__file__).parents[3] / "galley.toml").models["flights-late"].trusted
each_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)

SAVE_IN_ANOTHER_PROCESS = """
import sys
from datetime import date
from pathlib import Path
from flights import contract, synthetic
from flights.features import ESTIMATORS, FEATURES, build
from galley.training.saved_model import save
batch = synthetic.generate(date(2026, 11, 23), rows=300, late_share=0.3)
data = contract.DATA.check(batch.data, "data.csv")
late = contract.LABELS.check(batch.target, "target.csv")["late"]
for estimator in ESTIMATORS:
    pipeline = build(estimator, {}, seed=0).fit(data, late)
    save(pipeline, Path(sys.argv[1]) / estimator, data[FEATURES], "another", sys.argv[2:])
"""


@pytest.fixture(scope="module")
def saved_in_another_process(tmp_path_factory):
    """A folder with a model of each estimator."""
    folder = tmp_path_factory.mktemp("other")
    subprocess.run([sys.executable, "-c", SAVE_IN_ANOTHER_PROCESS, str(folder), *TRUSTED], check=True)
    return folder


@each_estimator
def test_it_loads_as_it_was_saved(estimator, data, late, tmp_path):
    pipeline = build(estimator, {}, seed=0).fit(data, late)
    save(pipeline, tmp_path / "model", data[FEATURES], "run", TRUSTED)
    loaded = mlflow.sklearn.load_model(str(tmp_path / "model"))
    assert (loaded.predict_proba(data) == pipeline.predict_proba(data)).all()


@each_estimator
def test_the_same_rows_give_the_same_bytes_in_another_process(
    estimator, data, late, tmp_path, saved_in_another_process
):
    pipeline = build(estimator, {}, seed=0).fit(data, late)
    save(pipeline, tmp_path / "one", data[FEATURES], "one", TRUSTED)
    one, other = (
        files.digest(folder / SKOPS_FILE) for folder in (tmp_path / "one", saved_in_another_process / estimator)
    )
    assert one == other


def test_other_rows_give_other_bytes(data, late, tmp_path):
    for name, rows in (("all", 300), ("some", 250)):
        pipeline = build("logistic_regression", {}, seed=0).fit(data[:rows], late[:rows])
        save(pipeline, tmp_path / name, data[FEATURES], "run", TRUSTED)
    assert files.digest(tmp_path / "all" / SKOPS_FILE) != files.digest(tmp_path / "some" / SKOPS_FILE)


def test_the_example_trusts_what_its_pipelines_have_and_nothing_else(data, late):
    pipelines = [build(estimator, {}, seed=0).fit(data, late) for estimator in ESTIMATORS]
    held = [skops.io.get_untrusted_types(data=skops.io.dumps(pipeline)) for pipeline in pipelines]
    assert set().union(*held) == set(TRUSTED)


def test_a_pipeline_with_a_type_that_is_not_trusted_is_not_saved(data, late, tmp_path):
    pipeline = build("hist_gradient_boosting", {"max_iter": 2}, seed=0).fit(data, late)
    with pytest.raises(SettingsError, match=r"not trusted: \S+TreePredictor\. Add those that you know to `trusted`"):
        save(pipeline, tmp_path / "model", data[FEATURES], "run", ["numpy.dtype"])


def test_the_folder_says_which_run_it_is_of_and_what_it_needs(data, late, tmp_path):
    pipeline = build("logistic_regression", {}, seed=0).fit(data, late)
    save(pipeline, tmp_path / "model", data[FEATURES], "the-run", TRUSTED)
    saved = mlflow.models.Model.load(str(tmp_path / "model"))
    assert saved.run_id == "the-run"
    assert "hour" in saved.signature.inputs.input_names()
    assert set(REQUIREMENTS) <= set((tmp_path / "model" / "requirements.txt").read_text().split())
