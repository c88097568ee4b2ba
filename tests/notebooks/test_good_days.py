"""Each stage on a good day: what it writes, what it concludes, and that running it again changes nothing."""

import json
from pathlib import Path

import decide
import mlflow.sklearn
import nbformat
import pandas as pd
import pytest
from tiny_project import DS, HERE, TINY, GoodDay, Project, run_stage

from flights import contract, source, synthetic
from galley.proof.decision import DS_TAG
from galley.registry import models, promotion
from galley.registry.selection import NOT_DECIDED
from galley.registry.versions import Registered, register
from galley.review.backtest import training_days
from galley.storage import files


def bring(project: Project, ds: str, **spoiled: object) -> None:
    """A synthetic day as generate_data would bring it, with columns of the data replaced."""
    day = project.day.of(ds, project.settings)
    batch = synthetic.generate(day.date, rows=60)
    day.raw.mkdir(parents=True, exist_ok=True)
    batch.data.assign(**spoiled).to_csv(day.raw / "data.csv", index=False)
    batch.target.to_csv(day.raw / "target.csv", index=False)


def ids(path: Path) -> list[str]:
    return list(pd.read_csv(path)["flight_id"])


def test_generate_brings_data_and_target_of_the_same_flights(good: GoodDay):
    raw = good.project.day.raw
    contract.DATA.check_pair(contract.DATA.read(raw / "data.csv"), contract.LABELS.read(raw / "target.csv"), "both")
    assert good.generated["rows"] == TINY["rows"]
    assert good.generated["late_share"] == TINY["late_share"]


def test_generate_replays_the_real_day_and_again_with_the_same_bytes(project: Project):
    concluded = project.run("generate_data/01_generate.ipynb")
    first = project.written()
    assert concluded["rows"] == len(source.replay(project.day.date).data)
    assert project.run("generate_data/01_generate.ipynb") == concluded
    assert project.written() == first


def test_prepare_joins_each_flight_with_its_target(good: GoodDay):
    day = good.project.day
    train_data = contract.LABELLED.read(day.processed / "train_data.csv")
    late = contract.LABELS.read(day.raw / "target.csv").set_index("flight_id")["late"]
    assert list(train_data["late"]) == list(late[train_data["flight_id"]])
    assert good.prepared["rows"] == len(late)
    assert good.prepared["days"] == [DS]


def test_prepare_reaches_back_and_uses_the_days_there_are(project: Project):
    bring(project, "2026-11-20")
    bring(project, "2026-11-22")
    concluded = project.run("train_weekly/01_prepare.ipynb", train_days=4)
    assert concluded["days"] == ["2026-11-20", "2026-11-22", DS]
    assert concluded["rows"] == 60 + 60 + TINY["rows"]


def test_prepare_leaves_an_earlier_day_out_that_breaks_the_contract_and_names_it(project: Project):
    bring(project, "2026-11-21", distance="far")
    bring(project, "2026-11-22")
    concluded = project.run("train_weekly/01_prepare.ipynb")
    assert (concluded["days"], concluded["left_out"]) == (["2026-11-22", DS], ["2026-11-21"])


def test_split_puts_each_flight_into_one_part(good: GoodDay):
    folder = good.project.day.processed
    train, val = ids(folder / "train.csv"), ids(folder / "val.csv")
    assert sorted(train + val) == sorted(ids(folder / "train_data.csv"))
    assert len(val) == good.split["val_rows"] == 24


def test_split_keeps_the_share_of_late_flights(good: GoodDay):
    assert good.split["train_late_share"] == pytest.approx(good.split["val_late_share"], abs=0.02)


def test_split_again_gives_the_same_parts_and_another_seed_others(project: Project):
    first = project.written()
    project.run("train_weekly/02_split.ipynb")
    assert project.written() == first
    project.run("train_weekly/02_split.ipynb", seed=1)
    assert project.written() != first


def test_one_day_alone_is_split_at_random(good: GoodDay):
    assert (good.split["method"], good.split["train_days"], good.split["val_days"]) == ("random", [DS], [DS])


@pytest.mark.parametrize(
    ("brought", "gap_days", "learned", "judged"),
    [
        (["2026-11-22"], 1, ["2026-11-22"], [DS]),
        (["2026-11-21", "2026-11-22"], 1, ["2026-11-21"], [DS]),
        (["2026-11-21", "2026-11-22"], 5, ["2026-11-21"], [DS]),
        (["2026-11-20", "2026-11-21", "2026-11-22"], 0, ["2026-11-20", "2026-11-21", "2026-11-22"], [DS]),
    ],
)
def test_several_days_are_judged_by_the_last_after_a_gap(
    project: Project, brought: list[str], gap_days: int, learned: list[str], judged: list[str]
):
    for ds in brought:
        bring(project, ds)
    project.run("train_weekly/01_prepare.ipynb")
    concluded = project.run("train_weekly/02_split.ipynb", gap_days=gap_days)
    folder = project.day.processed
    parts = {name: contract.LABELLED.read(folder / f"{name}.csv") for name in ("train", "val")}
    found = {name: sorted(part["scheduled_departure"].str[:10].unique()) for name, part in parts.items()}
    assert found == {"train": learned, "val": judged}
    assert (concluded["method"], concluded["train_days"], concluded["val_days"]) == ("time", learned, judged)


def test_a_version_is_registered_with_the_days_that_it_learned_from_and_not_those_it_is_judged_by(project: Project):
    bring(project, "2026-11-21")
    bring(project, "2026-11-22")
    for stage in ("01_prepare", "02_split", "03_train", "04_validate"):
        project.run(f"train_weekly/{stage}.ipynb")
    registered = Registered(models.connect(project.settings), project.settings)
    assert training_days(registered, registered.of_day(DS).version) == ["2026-11-21"]


def test_train_logs_parameters_metrics_and_the_model_to_its_run(good: GoodDay):
    client = models.connect(good.project.settings)
    run = client.get_run(good.trained["run_id"])
    assert run.info.status == "FINISHED"
    assert run.data.tags[DS_TAG] == DS
    assert run.data.params["estimator"] == "logistic_regression"
    assert run.data.params["C"] == "0.1"
    assert run.data.metrics["train_roc_auc"] == pytest.approx(good.trained["train_roc_auc"], abs=1e-4)
    logged = {item.path for item in client.list_artifacts(good.trained["run_id"], "model")}
    assert {"model/MLmodel", "model/model.skops", "model/requirements.txt"} <= logged


def test_the_model_of_the_day_is_the_one_of_its_run(good: GoodDay):
    of_the_day = models.resolve(f"models/{DS}", good.project.settings)
    of_the_run = models.resolve(f"runs:/{good.trained['run_id']}/model", good.project.settings)
    assert of_the_day.digest == of_the_run.digest == good.trained["model_digest"]
    assert f"run_id: {good.trained['run_id']}" in (of_the_day.path / "MLmodel").read_text()


def test_train_again_gives_the_same_model_in_a_run_of_its_own(project: Project, good: GoodDay):
    again = project.run("train_weekly/03_train.ipynb", settings={"C": 0.1})
    assert again["pipeline_digest"] == good.trained["pipeline_digest"]
    assert again["run_id"] != good.trained["run_id"]


def test_a_day_with_empty_and_constant_columns_is_trained_on(project: Project):
    bring(project, DS, wind_gust=None, plane_manufacturer=None, visib=10, dest="BOS")
    prepared = project.run("train_weekly/01_prepare.ipynb")
    project.run("train_weekly/02_split.ipynb")
    trained = project.run("train_weekly/03_train.ipynb", settings={"C": 0.1})
    assert prepared["missing_columns"] == ["wind_gust", "plane_manufacturer"]
    assert trained["rows"] == 48


def test_predictions_are_one_for_each_flight(good: GoodDay):
    day = good.project.day
    predictions = pd.read_csv(day.predictions / "predictions.csv")
    assert list(predictions) == ["flight_id", "probability", "prediction"]
    assert list(predictions["flight_id"]) == ids(day.raw / "data.csv")
    assert predictions["probability"].between(0, 1).all()
    assert (predictions["prediction"] == (predictions["probability"] >= 0.5)).all()


def test_no_library_speaks_in_a_report(good: GoodDay):
    reports = sorted((good.project.settings.outputs / DS).glob("*/*.ipynb"))
    outputs = [
        output for report in reports for cell in nbformat.read(report, 4).cells for output in cell.get("outputs", [])
    ]
    assert len(reports) >= 5
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []


def test_predictions_say_by_which_model_and_from_which_file_they_are(good: GoodDay):
    day = good.project.day
    account = json.loads((day.predictions / "predictions.json").read_text())
    assert account["model_digest"] == good.trained["model_digest"]
    assert account["input_digest"] == files.digest(day.raw / "data.csv")
    assert account["rows"] == TINY["rows"]
    assert account["model_as_of"] == "day"
    assert account["model_because"] == f"model_uri names models/{DS}: {NOT_DECIDED}"
    assert account["model_decision"] == NOT_DECIDED
    assert account["run"] == {}


def test_predictions_by_a_pickle_say_that_it_may_have_run_code_where_galley_toml_allows_one(project: Project):
    declared = project.folder / "galley.toml"
    declared.write_text((HERE / "galley.toml").read_text() + "allow_pickle = true\n")
    pipeline = models.resolve(f"models/{DS}", project.settings).load()
    mlflow.sklearn.save_model(
        pipeline, project.day.models.parent / "pickled", serialization_format="pickle", pip_requirements=[]
    )
    environment = {**project.environment, "GALLEY_PROJECT": str(declared)}
    run_stage("predict_daily/01_predict.ipynb", environment, ds=DS, model_uri="models/pickled")
    account = json.loads((project.day.predictions / "predictions.json").read_text())
    assert account["model_because"].endswith("which allow_pickle permits: it is saved as pickle")
    page = (project.day.reports("predict_daily") / "01_predict.html").read_text()
    assert "UserWarning: models/pickled: loading it may run code that came with it" in page


def test_predictions_are_made_without_the_targets(project: Project, good: GoodDay):
    first = files.digest(project.day.predictions / "predictions.csv")
    (project.day.raw / "target.csv").unlink()
    assert project.run("predict_daily/01_predict.ipynb", model_uri=f"models/{DS}") == good.predicted
    assert files.digest(project.day.predictions / "predictions.csv") == first


def test_predictions_are_by_the_champion_unless_told_otherwise(project: Project, good: GoodDay):
    version = register(project.day, {}, stage="validate")
    project.run("train_weekly/05_review.ipynb")
    decide.answer(project.day, "Approve", "grace", "looks well")
    promotion.record(project.day)
    promotion.promote(project.day, contract.DATA.read(project.day.raw / "data.csv"))
    concluded = project.run("predict_daily/01_predict.ipynb", threshold=0.3, model_as_of="now")
    assert concluded["model_version"] == version
    assert concluded["model_digest"] == good.trained["model_digest"]
    assert concluded["predicted_late_share"] > good.predicted["predicted_late_share"]
