"""The stages that judge, record and promote, executed on a tiny day with a registry of MLflow's own."""

import re
import shutil
from typing import Any

import pytest
from conftest import DS, NOTEBOOKS, GoodDay, Project
from flights.contract import read_labelled
from flights.features import FEATURES
from mlflow import MlflowClient
from sklearn import metrics

from galley import files, registered, registry
from galley.decision import Decision, recorded
from galley.errors import ContractBreach, DecisionError, MissingInput, ModelNotFound, RegistryUnavailable
from galley.notebook import Notebook

VALIDATE, REVIEW, RECORD, PROMOTE = (
    f"train_weekly/{stage}.ipynb" for stage in ("04_validate", "05_review", "06_record", "07_promote")
)
ROLLBACK = "rollback_model/01_rollback.ipynb"
ANSWER = {
    "reviewer": "ada",
    "reason": "better than chance",
    "answered_at": "2026-11-23T10:00:00Z",
    "dag_run": "manual__1",
}
LENIENT = {"min_rows": 5, "min_auc": 0.0, "max_drop": 1.0, "max_brier_rise": 1.0, "max_bias": 1.0}
Conclusions = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def first_week(good: GoodDay, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, Conclusions]:
    """The good day's model validated, reviewed, approved and promoted."""
    folder = tmp_path_factory.mktemp("first_week") / "project"
    shutil.copytree(good.project.folder, folder)
    project = Project(folder)
    return project, {
        "validate": project.run(VALIDATE),
        "review": project.run(REVIEW, **LENIENT),
        "record": project.run(RECORD, decision="Approve", **ANSWER),
        "promote": project.run(PROMOTE),
    }


@pytest.fixture(scope="module")
def second_week(first_week: tuple[Project, Conclusions]) -> tuple[Project, Conclusions]:
    """Another model for the day, on the way of the first: approved over it, promoted, and rolled back."""
    project, _ = first_week
    return project, {
        "train": project.run("train_weekly/03_train.ipynb", settings={"max_iter": 20}),
        "validate": project.run(VALIDATE),
        "review": project.run(REVIEW, min_auc=1.01),
        "record": project.run(RECORD, decision="Approve", **ANSWER),
        "promote": project.run(PROMOTE),
        "rollback": project.run(ROLLBACK, reason="missed late flights", requested_by="grace", dag_run="manual__2"),
    }


def test_the_numbers_of_the_validation_are_scikit_learns_on_the_same_rows(
    first_week: tuple[Project, Conclusions],
) -> None:
    project, _ = first_week
    numbers = files.read_json(project.day.models / "metrics.json")
    model = registry.resolve("models:/flights-late/1", project.settings).load()
    val = read_labelled(project.day.processed / "val.csv")
    probability = model.predict_proba(val[FEATURES])[:, 1]
    assert numbers["roc_auc"] == pytest.approx(metrics.roc_auc_score(val["late"], probability))
    assert numbers["brier"] == pytest.approx(metrics.brier_score_loss(val["late"], probability))
    assert numbers["recall"] == pytest.approx(metrics.recall_score(val["late"], probability >= 0.5))
    assert (numbers["rows"], numbers["base_rate"]) == (len(val), pytest.approx(val["late"].mean()))


def test_the_numbers_are_with_the_run_of_the_training(good: GoodDay, first_week: tuple[Project, Conclusions]) -> None:
    project, concluded = first_week
    run = registry.connect(project.settings).get_run(good.trained["run_id"])
    assert round(run.data.metrics["val_roc_auc"], 4) == concluded["validate"]["roc_auc"]


def test_the_first_review_compares_with_the_base_rate(first_week: tuple[Project, Conclusions]) -> None:
    review = first_week[1]["review"]
    assert review["verdict"] == "approve"
    assert (review["champion_version"], review["roc_auc_compared"]) == (None, 0.5)
    assert "There is no champion yet" in review["summary"]


def test_a_later_review_compares_with_the_champion_and_names_what_fails(
    second_week: tuple[Project, Conclusions],
) -> None:
    review = second_week[1]["review"]
    assert (review["version"], review["champion_version"], review["verdict"]) == ("2", "1", "against")
    assert re.search(r"\| challenger, version 2 \| champion, version 1 \|", review["summary"])
    assert review["summary"].startswith("**Recommend reject:")
    assert "ROC AUC" in review["summary"].splitlines()[0]


def test_the_summary_is_markdown_that_airflow_shows(second_week: tuple[Project, Conclusions]) -> None:
    summary = second_week[1]["review"]["summary"]
    assert not re.search(r"<[a-z]|data:", summary)


def test_the_record_is_the_same_in_the_file_and_in_the_registry(first_week: tuple[Project, Conclusions]) -> None:
    project, concluded = first_week
    in_file = Decision(**files.read_json(project.day.reports("train_weekly") / "decision.json"))
    in_registry = registered.Registered(registry.connect(project.settings), project.settings).find(in_file.version)
    assert in_file == recorded(in_registry.tags)
    assert concluded["record"]["approved"] is True
    assert concluded["record"]["changed"] == []


def test_what_is_promoted_predicts(second_week: tuple[Project, Conclusions]) -> None:
    project, concluded = second_week
    assert (concluded["promote"]["version"], concluded["promote"]["previous_version"]) == ("2", "1")
    assert concluded["promote"]["furthest_apart"] == 0
    assert project.run("predict_daily/01_predict.ipynb")["model_version"] == "1"  # after the rollback


def test_a_rollback_says_from_where_to_where_and_by_whom(second_week: tuple[Project, Conclusions]) -> None:
    project, concluded = second_week
    decision = files.read_json(project.day.reports("rollback_model") / "decision.json")
    assert (concluded["rollback"]["previous_version"], concluded["rollback"]["version"]) == ("2", "1")
    assert (decision["decision"], decision["reviewer"]) == ("Rollback", "grace")


def test_the_reports_of_the_stages_go_to_the_run_of_the_training(project: Project) -> None:
    project.run(VALIDATE)
    reports = project.day.reports("train_weekly")
    for name in ("04_validate.ipynb", "04_validate.html"):
        files.write_bytes(reports / name, b"{}")
    record = project.run(RECORD, decision="Approve", **ANSWER)
    client: MlflowClient = registry.connect(project.settings)
    logged = client.list_artifacts(registered.training_run(project.day.models), "reports")
    assert sorted(artifact.path for artifact in logged) == ["reports/04_validate.html", "reports/04_validate.ipynb"]
    assert record["reports"] == 2


def test_silence_is_recorded_as_a_rejection_and_promotes_nothing(project: Project) -> None:
    project.run(VALIDATE)
    silence = {**ANSWER, "reviewer": "nobody", "reason": "no answer"}
    assert project.run(RECORD, decision="Reject", **silence)["decision"] == "Reject by no answer"
    with pytest.raises(DecisionError, match="not approved"):
        project.run(PROMOTE)


def test_an_approval_marked_as_a_success_by_hand_records_nothing(project: Project) -> None:
    project.run(VALIDATE)
    with pytest.raises(DecisionError, match="'None'"):
        project.run(RECORD, **{name: "None" for name in ("decision", *ANSWER)})


def test_a_decision_cannot_be_recorded_without_its_facts() -> None:
    parameters = Notebook.load(NOTEBOOKS / RECORD).parameters
    required = {name for name, parameter in parameters.items() if parameter.required}
    assert {"decision", "reviewer", "reason", "answered_at", "dag_run"} <= required


def test_rows_of_one_class_cannot_be_judged(project: Project) -> None:
    path = project.day.processed / "val.csv"
    val = read_labelled(path)
    val[val["late"] == 0].to_csv(path, index=False)
    with pytest.raises(ContractBreach, match="only one class"):
        project.run(VALIDATE)
    assert not (project.day.models / "metrics.json").exists()


def test_a_day_without_a_model_cannot_be_validated(project: Project) -> None:
    shutil.rmtree(project.day.models)
    with pytest.raises(MissingInput, match="no model in"):
        project.run(VALIDATE)


def test_a_registry_that_is_down_leaves_no_numbers(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    down = {**project.environment, "MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}
    monkeypatch.setattr(Project, "environment", down)
    with pytest.raises(RegistryUnavailable, match="does not answer"):
        project.run(VALIDATE)
    assert not (project.day.models / "metrics.json").exists()


def test_a_rollback_before_any_promotion_is_refused(project: Project) -> None:
    with pytest.raises(ModelNotFound, match="Run the DAG train_weekly first"):
        project.run(ROLLBACK, reason="just so", requested_by="grace")


def test_the_day_is_the_one_that_was_asked_for(first_week: tuple[Project, Conclusions]) -> None:
    project, _ = first_week
    assert files.read_json(project.day.models / "metrics.json")["ds"] == DS
