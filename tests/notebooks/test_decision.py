"""The stages that judge, record and promote, executed on a tiny day with a registry of MLflow's own."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import decide
import pytest
from mlflow import MlflowClient
from sklearn import metrics

from flights import synthetic
from flights.contract import DATA, LABELLED, LABELS
from flights.features import FEATURES
from galley.errors import (
    ContractBreach,
    DecisionError,
    MissingInput,
    ModelNotFound,
    ParameterError,
    RegistryUnavailable,
)
from galley.problems import Binary
from galley.proof.chain import HEAD_TAG
from galley.proof.decision import Decision, recorded
from galley.registry import models, versions
from galley.storage import files

if TYPE_CHECKING:
    from tiny_project import GoodDay, Project

VALIDATE, REVIEW, RECORD, PROMOTE = (
    f"train_weekly/{stage}.ipynb" for stage in ("04_validate", "05_review", "06_record", "07_promote")
)
ASK_BACK, ROLLBACK = (f"rollback_model/{stage}.ipynb" for stage in ("01_review", "02_rollback"))
VERIFY = "verify_daily/01_verify.ipynb"
AFTER = "2026-11-24"
BACK = {"reason": "missed late flights", "requested_by": "grace"}
LENIENT = {"min_rows": 5, "min_auc": 0.0, "max_drop": 1.0, "max_brier_rise": 1.0, "max_bias": 1.0}
LENIENT |= {"max_overfit": 1.0, "max_psi": 10.0}
LIVED = [row / 60 for row in range(60)]
"""What version 1 said of the flights of the day before."""
Week = tuple["Project", dict[str, dict[str, Any]]]


def copy(project: "Project", folder: Path) -> "Project":
    shutil.copytree(project.folder, folder)
    return replace(project, folder=folder)


def answered(
    project: "Project", option: str = "Approve", person: str = "ada", reason: str = "better than chance"
) -> Any:
    """What the record concludes after the review was answered."""
    decide.answer(project.day, option, person, reason)
    return project.run(RECORD)


def rolled_back(project: "Project") -> Any:
    """What the rollback concludes, after it was asked for and approved."""
    project.run(ASK_BACK, **BACK)
    decide.answer(project.day, "Approve", "grace", "missed late flights", "rollback_model", "manual__2")
    return project.run(ROLLBACK, dag_run="manual__2")


def bring_the_day_before(project: "Project") -> None:
    """Flights of the day before, and what came: nobody was trained on them, or predicted them."""
    day = project.day.before(1)
    batch = synthetic.generate(day.date, rows=60, late_share=0.3)
    day.raw.mkdir(parents=True)
    batch.data.to_csv(day.raw / "data.csv", index=False)
    batch.target.to_csv(day.raw / "target.csv", index=False)


def live_a_day(project: "Project") -> None:
    """What version 1 said of the flights of the day before."""
    day = project.day.before(1)
    said = LABELS.read(day.raw / "target.csv")[["flight_id"]].assign(probability=LIVED, prediction=0)
    files.write_bytes(day.predictions / "predictions.csv", said.to_csv(index=False).encode())
    files.write_json(day.predictions / "predictions.json", {"model_version": "1"})


@pytest.fixture(scope="module")
def validated_once(good: "GoodDay", tmp_path_factory: pytest.TempPathFactory) -> Week:
    """The good day's model, validated and registered."""
    project = copy(good.project, tmp_path_factory.mktemp("validated") / "project")
    return project, {"validate": project.run(VALIDATE)}


@pytest.fixture
def validated(validated_once: Week, tmp_path: Path) -> "Project":
    """A copy of the validated day, to be decided on."""
    return copy(validated_once[0], tmp_path / "validated")


@pytest.fixture(scope="module")
def first_week(validated_once: Week, tmp_path_factory: pytest.TempPathFactory) -> Week:
    """That model reviewed, approved and promoted."""
    project = copy(validated_once[0], tmp_path_factory.mktemp("first_week") / "project")
    bring_the_day_before(project)
    return project, {
        **validated_once[1],
        "review": project.run(REVIEW, **LENIENT),
        "record": answered(project),
        "promote": project.run(PROMOTE),
    }


@pytest.fixture(scope="module")
def second_week(first_week: Week, tmp_path_factory: pytest.TempPathFactory) -> Week:
    """Another model on the same way: approved over the first although the review is against it, and rolled back."""
    project = copy(first_week[0], tmp_path_factory.mktemp("second_week") / "project")
    live_a_day(project)
    return project, {
        "validated": first_week[1]["validate"]["roc_auc"],
        "train": project.run("train_weekly/03_train.ipynb", settings={"C": 1.0}),
        "validate": project.run(VALIDATE),
        "review": project.run(REVIEW, min_auc=1.01),
        "record": answered(project),
        "promote": project.run(PROMOTE),
        "rollback": rolled_back(project),
    }


def test_the_numbers_of_the_validation_are_scikit_learns_on_the_same_rows(
    first_week: Week,
) -> None:
    project, _ = first_week
    numbers = files.read_json(project.day.models / "metrics.json")
    model = models.resolve("models:/flights-late/1", project.settings).load()
    val = LABELLED.read(project.day.processed / "val.csv")
    probability = model.predict_proba(val[FEATURES])[:, 1]
    assert numbers["roc_auc"] == pytest.approx(metrics.roc_auc_score(val["late"], probability))
    assert numbers["brier"] == pytest.approx(metrics.brier_score_loss(val["late"], probability))
    assert numbers["recall"] == pytest.approx(metrics.recall_score(val["late"], probability >= 0.5))
    assert (numbers["rows"], numbers["base_rate"]) == (len(val), pytest.approx(val["late"].mean()))


def test_the_numbers_are_with_the_run_of_the_training(good: "GoodDay", first_week: Week) -> None:
    project, concluded = first_week
    run = models.connect(project.settings).get_run(good.trained["run_id"])
    assert round(run.data.metrics["val_roc_auc"], 4) == concluded["validate"]["roc_auc"]


def test_the_first_review_compares_with_the_base_rate(first_week: Week) -> None:
    review = first_week[1]["review"]
    assert review["verdict"] == "approve"
    assert (review["champion_version"], review["roc_auc_compared"]) == (None, 0.5)
    assert "There is no champion yet" in review["summary"]
    assert "calibration_error" not in review["differences"]  # the base rate has none by definition


def test_a_review_tries_the_challenger_on_the_days_before(first_week: Week) -> None:
    project, concluded = first_week
    review, day = concluded["review"], project.day.before(1)
    flights, late = DATA.read(day.raw / "data.csv"), LABELS.read(day.raw / "target.csv")["late"]
    probability = (
        models.resolve("models:/flights-late/1", project.settings).load().predict_proba(flights[FEATURES])[:, 1]
    )
    assert review["backtest_days"] == 1
    assert review["backtest_roc_auc"] == pytest.approx(metrics.roc_auc_score(late, probability), abs=1e-4)
    assert "Backtest: ROC AUC" in review["summary"]


def test_a_review_without_a_day_to_try_the_challenger_on_does_not_say_approve(validated: "Project") -> None:
    review = validated.run(REVIEW, **LENIENT)
    failed = [name for name, passed in review["checks"].items() if not passed]
    assert (review["verdict"], failed) == ("against", ["backtest ROC AUC (lower end of the interval)"])


def test_a_later_review_compares_with_the_champion_and_names_what_fails(
    second_week: Week,
) -> None:
    review = second_week[1]["review"]
    assert (review["version"], review["champion_version"], review["verdict"]) == ("2", "1", "against")
    assert re.search(r"\| challenger, version 2 \| champion, version 1 \|", review["summary"])
    assert review["summary"].startswith("**Recommend reject:")
    assert "| **FAIL** | ROC AUC" in review["summary"]
    assert review["all_checks"].splitlines()[2].startswith("| **FAIL** |")
    assert "ROC AUC" in review["summary"].splitlines()[0]


def test_a_review_judges_the_champion_by_the_days_it_lived(second_week: Week) -> None:
    project, concluded = second_week
    review, day = concluded["review"], project.day.before(1)
    late = LABELS.read(day.raw / "target.csv")["late"]
    assert (review["live_days"], review["live_rows"]) == (1, 60)
    assert review["live_roc_auc"] == pytest.approx(metrics.roc_auc_score(late, LIVED), abs=1e-4)
    said = next(line for line in review["summary"].splitlines() if line.startswith("Live performance"))
    assert f"version 1 validation {concluded['validated']:.3f}" in said
    assert f"{project.day.before(2)} (no predictions)" in said


def test_a_review_gives_each_difference_its_interval_in_words(second_week: Week) -> None:
    review = second_week[1]["review"]
    assert set(review["differences"]) == set(Binary.metrics)
    assert re.search(r"\| ROC AUC \| 0\.\d{4} \| 0\.\d{4} \| (better|worse|noise|the same)", review["summary"])


def test_the_numbers_of_the_review_are_scikit_learns_for_both_models_on_the_same_rows(second_week: Week) -> None:
    project, concluded = second_week
    review = concluded["review"]
    val = LABELLED.read(project.day.processed / "val.csv")
    for side, version, name in (("new", "2", "challenger, version 2"), ("old", "1", "champion, version 1")):
        model = models.resolve(f"models:/flights-late/{version}", project.settings).load()
        probability = model.predict_proba(val[FEATURES])[:, 1]
        found = {score: sides[side] for score, sides in review["differences"].items()}
        assert found["roc_auc"] == pytest.approx(metrics.roc_auc_score(val["late"], probability), abs=1e-4)
        assert found["pr_auc"] == pytest.approx(metrics.average_precision_score(val["late"], probability), abs=1e-4)
        assert found["log_loss"] == pytest.approx(metrics.log_loss(val["late"], probability), abs=1e-4)
        called = metrics.confusion_matrix(val["late"], probability >= 0.5)
        assert list(review["calls"][name].values()) == list(called.ravel())


def test_a_review_says_what_changed_since_the_last_accepted_one(second_week: Week) -> None:
    review = second_week[1]["review"]
    limits = {f"{limit} of 05_review" for limit in [*LENIENT]}
    assert set(review["changed"]["parameters"]) == {"settings of 03_train"} | limits
    assert (review["changed"]["code"], review["changed"]["environment"]) == ([], [])
    assert (
        "Changed since version 1, accepted by ada for 2026-11-23: parameters settings of 03_train" in review["summary"]
    )


def test_a_first_review_has_nothing_that_it_changed_from(first_week: Week) -> None:
    review = first_week[1]["review"]
    assert review["changed"] == {"code": [], "parameters": [], "environment": []}
    assert "No review was accepted before this one" in review["summary"]


def test_a_review_names_what_the_model_leans_on(first_week: Week) -> None:
    leans_on = first_week[1]["review"]["leans_on"]
    assert len(set(leans_on)) == 5
    assert set(leans_on) <= set(FEATURES)


def test_a_review_links_the_pages_of_mlflow(first_week: Week) -> None:
    project, concluded = first_week
    run = versions.training_run(project.day.models)
    summary = concluded["review"]["summary"]
    assert "](http://127.0.0.1:5000/#/models/flights-late/versions/1)" in summary
    assert f"/runs/{run}) (while `make up` runs)" in summary


def test_a_page_shows_the_plots_of_both_models_and_stays_below_a_megabyte(second_week: Week) -> None:
    page = second_week[0].day.reports("train_weekly") / "05_review.html"
    assert page.stat().st_size < 1_000_000
    assert page.read_text().count('src="data:image/svg+xml') >= 5


def test_a_version_has_a_card_that_follows_it_into_production_and_out(second_week: Week) -> None:
    client = models.connect(second_week[0].settings)
    first, second = (client.get_model_version("flights-late", version).description for version in "12")
    assert "> better than chance" in second
    assert f"| ROC AUC | {second_week[1]['review']['roc_auc']:.4f} |" in second
    assert "champion, version 1" in second
    assert "ended: Rollback by grace" in second
    assert first.endswith("Rollback by grace")
    assert max(map(len, (first, second))) <= 5000


def test_the_record_page_shows_the_digest_of_all_that_was_decided_on(first_week: Week) -> None:
    reports = first_week[0].day.reports("train_weekly")
    digests = files.read_json(reports / "decision.json")["digests"]
    rows = f"data/processed/{first_week[0].day}/val.csv"
    assert {"model", "galley.toml", rows, "05_review.ipynb", "05_review.html"} <= set(digests)
    page = (reports / "06_record.html").read_text()
    assert [name for name, digest in digests.items() if f"{digest}  {name}" not in page] == []


def test_a_first_review_has_no_week_to_look_back_on_and_says_so(first_week: Week) -> None:
    assert "Live performance: nothing to judge by (no predictions)." in first_week[1]["review"]["summary"]


def test_the_summary_is_markdown_that_airflow_shows(second_week: Week) -> None:
    summary = second_week[1]["review"]["summary"]
    assert not re.search(r"<[a-z]|data:", summary)


def test_the_record_is_the_same_in_the_file_and_in_the_registry(first_week: Week) -> None:
    project, concluded = first_week
    in_file = Decision(**files.read_json(project.day.reports("train_weekly") / "decision.json"))
    in_registry = versions.Registered(models.connect(project.settings), project.settings).find(in_file.version)
    assert in_file == recorded(in_registry.tags)
    assert in_file.champion == ""  # the review saw that there was none
    assert concluded["record"]["approved"] is True
    assert concluded["record"]["changed"] == []


def test_what_is_promoted_predicts(second_week: Week) -> None:
    project, concluded = second_week
    assert (concluded["promote"]["version"], concluded["promote"]["previous_version"]) == ("2", "1")
    assert concluded["promote"]["furthest_apart"] == 0
    predicted = project.run("predict_daily/01_predict.ipynb", model_as_of="now")
    assert predicted["model_version"] == "1"  # after the rollback


def test_a_rollback_says_from_where_to_where_and_by_whom(second_week: Week) -> None:
    project, concluded = second_week
    decision = files.read_json(project.day.reports("rollback_model") / "decision.json")
    assert (concluded["rollback"]["previous_version"], concluded["rollback"]["version"]) == ("2", "1")
    assert (decision["decision"], decision["reviewer"]) == ("Rollback", "grace")


def test_the_reports_of_the_stages_go_to_the_run_of_the_training(validated: "Project") -> None:
    validated.run(REVIEW, **LENIENT)
    record = answered(validated, "Reject")
    client: MlflowClient = models.connect(validated.settings)
    logged = client.list_artifacts(versions.training_run(validated.day.models), "reports")
    stages = ("01_prepare", "02_split", "03_train", "04_validate", "05_review")
    expected = [f"reports/{stage}.{kind}" for stage in stages for kind in ("html", "ipynb")]
    # Copies of a project log to the first one's folder, so that those of other tests may be there too.
    assert set(expected) <= {artifact.path for artifact in logged}
    assert record["reports"] == len(expected)


def test_nothing_is_recorded_that_nobody_signed(validated: "Project") -> None:
    validated.run(REVIEW, **LENIENT)
    with pytest.raises(DecisionError, match="no signed statement about version 1"):
        validated.run(RECORD)
    assert not (validated.day.reports("train_weekly") / "decision.json").exists()
    with pytest.raises(DecisionError, match="names no signed statement"):
        validated.run(PROMOTE)


def test_silence_is_recorded_as_a_rejection_and_promotes_nothing(validated: "Project") -> None:
    validated.run(REVIEW, **LENIENT)
    assert answered(validated, "Reject", "nobody", "no answer")["decision"] == "Reject by no answer"
    with pytest.raises(DecisionError, match="not approved"):
        validated.run(PROMOTE)


def test_a_decision_cannot_be_given_to_the_record_as_a_parameter(validated: "Project") -> None:
    with pytest.raises(ParameterError, match="decision"):
        validated.run(RECORD, decision="Approve", reviewer="ada", reason="mine")


def test_rows_of_one_class_cannot_be_judged(project: "Project") -> None:
    path = project.day.processed / "val.csv"
    val = LABELLED.read(path)
    val[val["late"] == 0].to_csv(path, index=False)
    project.forget("02_split")
    with pytest.raises(ContractBreach, match="only one class"):
        project.run(VALIDATE)
    assert not (project.day.models / "metrics.json").exists()


def test_a_day_that_was_split_anew_is_not_judged_until_it_is_trained_anew(project: "Project") -> None:
    project.run("train_weekly/02_split.ipynb", seed=1)
    with pytest.raises(ContractBreach, match="02_split has written again since"):
        project.run(VALIDATE)
    project.forget("03_train")  # the registry has the digest of what was trained on too
    with pytest.raises(DecisionError, match=r"may have learned from the rows it is judged on\. Train it again"):
        project.run(VALIDATE)
    assert not (project.day.models / "metrics.json").exists()


def test_a_day_without_a_model_cannot_be_validated(project: "Project") -> None:
    shutil.rmtree(project.day.models)
    with pytest.raises(MissingInput, match="no model in"):
        project.run(VALIDATE)


def test_a_registry_that_is_down_leaves_no_numbers(project: "Project") -> None:
    with pytest.raises(RegistryUnavailable, match="does not answer"):
        replace(project, tracking_uri="http://127.0.0.1:1").run(VALIDATE)
    assert not (project.day.models / "metrics.json").exists()


def test_a_rollback_before_any_promotion_is_refused(project: "Project") -> None:
    with pytest.raises(ModelNotFound, match="Run the DAG train_weekly first"):
        project.run(ASK_BACK, **BACK)


def test_a_rollback_without_a_reason_asks_nobody(first_week: Week, tmp_path: Path) -> None:
    project = copy(first_week[0], tmp_path / "project")
    with pytest.raises(DecisionError, match="A rollback needs a reason"):
        project.run(ASK_BACK, **{**BACK, "reason": " "})


def test_what_was_decided_and_predicted_is_verified_the_day_after(first_week: Week) -> None:
    assert first_week[0].run(VERIFY, ds=AFTER) == {"days": 1, "findings": 0, "champion": "1"}


def test_verifying_fails_with_what_was_changed_since(first_week: Week, tmp_path: Path) -> None:
    project = copy(first_week[0], tmp_path / "spoiled")
    (project.day.reports("train_weekly") / "05_review.html").write_bytes(b"Recommend approve: 8 of 8")
    client = models.connect(project.settings)
    client.delete_model_version_tag(project.settings.model.name, "1", HEAD_TAG)
    with pytest.raises(DecisionError) as raised:
        project.run(VERIFY, ds=AFTER)
    said = str(raised.value)
    assert "evidence changed: outputs/2026-11-23/train_weekly/05_review.html" in said
    assert "production is not what was decided: models:/flights-late@champion - Version 1" in said
