"""Register, record, promote and roll back, on a registry of MLflow's own."""

import json
from collections.abc import Callable
from pathlib import Path

import decide
import pytest
from mlflow import MlflowClient
from shapes import Shape
from sklearn.dummy import DummyClassifier
from tiny_model import ROWS, answer, register, review, roll_back

from galley.days import Day
from galley.errors import DecisionError, ModelNotFound
from galley.proof.decision import recorded
from galley.proof.keys import TrustedKeys
from galley.registry import folder, journal, models, production, promotion, versions
from galley.registry.approval import chain_of
from galley.settings import Settings, relative_name
from galley.storage import files

Make = Callable[..., Day]


def look(client: MlflowClient, settings: Settings) -> versions.Registered:
    return versions.Registered(client, settings)


def version_of(client: MlflowClient, settings: Settings, alias: str) -> str | None:
    found = look(client, settings).alias(alias)
    return found.version if found else None


def test_registering_makes_a_challenger_with_its_day_and_digests(
    client: MlflowClient, settings: Settings, train: Make, shape: Shape
) -> None:
    day = train("2026-11-23")
    version = register(day, {"roc_auc": 0.75})
    challenger = look(client, settings).alias("challenger")
    assert challenger is not None
    assert challenger.version == version
    assert challenger.tags["galley.ds"] == "2026-11-23"
    assert challenger.tags["galley.digest.model"] == folder.model_digest(day.models)
    rows = shape.judged_on(day)
    others = json.loads(challenger.tags["galley.digest.evidence"])
    assert others[relative_name(rows, settings)] == files.digest(rows)
    assert (f"{shape.stages[0]}.ipynb" in others, f"{shape.review}.ipynb" in others) == (True, False)
    assert sum(key.startswith("galley.digest.") for key in challenger.tags) == 2
    assert client.get_run(versions.training_run(day.models)).data.metrics == {"roc_auc": 0.75}


def with_a_tag_for_each_digest(client: MlflowClient, settings: Settings, ds: str) -> dict[str, str]:
    """Have the version of a day be as former releases registered it; returns its tags."""
    version = look(client, settings).of_day(ds)
    others = json.loads(version.tags["galley.digest.evidence"])
    client.delete_model_version_tag(settings.model.name, version.version, "galley.digest.evidence")
    for name, digest in others.items():
        client.set_model_version_tag(settings.model.name, version.version, f"galley.digest.{name}", digest)
    return dict(look(client, settings).of_day(ds).tags)


def test_versions_with_a_tag_for_each_digest_are_promoted_verified_asked_and_rolled_back_to(
    client: MlflowClient, settings: Settings, promote: Make, approve: Make
) -> None:
    promote("2026-11-16")
    with_a_tag_for_each_digest(client, settings, "2026-11-16")
    day = approve("2026-11-23")
    with_a_tag_for_each_digest(client, settings, "2026-11-23")
    assert promotion.promote(day, ROWS).version == models.resolve("", settings).version == "2"
    statements = chain_of(settings).read(TrustedKeys.read(settings.keys))
    assert production.verify_tags(settings, statements) == []
    assert roll_back(day).version == models.resolve("", settings).version == "1"


def test_a_former_version_whose_files_changed_is_still_refused(
    client: MlflowClient, settings: Settings, promote: Make
) -> None:
    promote("2026-11-23")
    with_a_tag_for_each_digest(client, settings, "2026-11-23")
    client.set_model_version_tag(settings.model.name, "1", "galley.digest.model", "0" * 64)
    with pytest.raises(DecisionError, match="changed since it was registered"):
        models.resolve(f"models:/{settings.model.name}/1", settings)


def test_registering_a_former_version_again_keeps_it_and_leaves_no_old_digest(
    client: MlflowClient, settings: Settings, train: Make, shape: Shape
) -> None:
    day = train("2026-11-23")
    version = register(day, {})
    before = with_a_tag_for_each_digest(client, settings, day.ds)
    report = next(day.reports(settings.model.train).glob(f"{shape.stages[0]}.html"))
    files.write_bytes(report, b"made again")
    assert register(day, {}) == version
    after = look(client, settings).of_day(day.ds).tags
    assert before[f"galley.digest.{report.name}"] != files.digest(report) == after[f"galley.digest.{report.name}"]
    assert json.loads(after["galley.digest.evidence"])[report.name] == files.digest(report)


def test_registering_the_same_model_again_keeps_its_version(train: Make) -> None:
    day = train("2026-11-23")
    assert register(day, {}) == register(day, {})


def test_a_model_trained_again_is_a_new_version(client: MlflowClient, settings: Settings, train: Make) -> None:
    first = register(train("2026-11-23"), {})
    second = register(train("2026-11-23"), {})
    assert first != second == version_of(client, settings, "challenger")


def test_a_backfilled_day_does_not_challenge_a_newer_one(client: MlflowClient, settings: Settings, train: Make) -> None:
    newer = register(train("2026-11-23"), {})
    register(train("2026-11-16"), {})
    assert version_of(client, settings, "challenger") == newer


def test_of_two_that_are_registered_at_once_the_newer_day_has_the_challenger(
    client: MlflowClient, settings: Settings, train: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = train("2026-11-16"), train("2026-11-23")
    real = MlflowClient.set_registered_model_alias

    def after_the_other(self: MlflowClient, *asked: str) -> None:
        monkeypatch.setattr(MlflowClient, "set_registered_model_alias", real)
        register(newer, {})
        real(self, *asked)

    monkeypatch.setattr(MlflowClient, "set_registered_model_alias", after_the_other)
    assert (register(older, {}), version_of(client, settings, "challenger")) == ("1", "2")


def test_a_folder_that_is_not_what_was_logged_is_not_registered(train: Make) -> None:
    day = train("2026-11-23")
    (day.models / "model.skops").write_bytes(b"another")
    with pytest.raises(DecisionError, match="not what its training logged"):
        register(day, {})


def test_a_record_is_kept_in_the_tags_of_its_version(
    client: MlflowClient, settings: Settings, approve: Make, shape: Shape
) -> None:
    day = approve("2026-11-23")
    kept = recorded(look(client, settings).of_day(day.ds).tags)
    assert kept is not None
    assert (kept.decision, kept.reviewer, kept.dag_run) == ("Approve", "ada", "manual__1")
    reports = {f"{shape.review}.{kind}" for kind in ("ipynb", "html")}
    assert {"model", "galley.toml", relative_name(shape.judged_on(day), settings), *reports} <= set(kept.digests)


def test_the_reports_are_logged_to_the_run_of_the_training(client: MlflowClient, approve: Make, shape: Shape) -> None:
    day = approve("2026-11-23")
    promotion.log_reports(day)
    logged = client.list_artifacts(versions.training_run(day.models), "reports")
    expected = {f"{stage}.{kind}" for stage in (shape.stages[0], shape.review) for kind in ("ipynb", "html")}
    assert {Path(artifact.path).name for artifact in logged} == expected


def test_an_approved_challenger_becomes_champion_and_the_former_one_is_kept(
    client: MlflowClient, settings: Settings, promote: Make
) -> None:
    promote("2026-11-16")
    promote("2026-11-23")
    assert version_of(client, settings, "champion") == "2"
    assert version_of(client, settings, "previous_champion") == "1"
    assert [(entry.version, entry.by) for entry in look(client, settings).journal] == [("1", "ada"), ("2", "ada")]


def with_history(client: MlflowClient, settings: Settings) -> list[str]:
    return [found.version for found in look(client, settings).with_history()]


def test_the_champion_alone_carries_the_last_moves_whoever_it_is(
    client: MlflowClient, settings: Settings, promote: Make, approve: Make
) -> None:
    for ds in ("2026-11-09", "2026-11-16"):
        day = promote(ds)
    assert with_history(client, settings) == ["2"]
    roll_back(day)
    assert with_history(client, settings) == ["1"]
    unproven = approve("2026-11-23", DummyClassifier(strategy="stratified"))
    answer(unproven, "Approve")  # after the rollback
    refuses(unproven, "predicts something else for the smoke set")
    assert with_history(client, settings) == ["1"]
    champion = look(client, settings).alias("champion")
    assert champion is not None
    assert journal.last_moves(champion.tags) == look(client, settings).journal


def test_moves_that_a_broken_off_promotion_left_with_others_are_taken_from_them(
    client: MlflowClient, settings: Settings, promote: Make
) -> None:
    promote("2026-11-16")
    left = look(client, settings).alias("champion")
    assert left is not None
    day = promote("2026-11-23")
    client.set_model_version_tag(settings.model.name, "1", journal.LAST_MOVES_TAG, left.tags[journal.LAST_MOVES_TAG])
    promotion.promote(day, ROWS)
    assert with_history(client, settings) == ["2"]


def test_promoting_again_changes_nothing(client: MlflowClient, settings: Settings, promote: Make) -> None:
    promote("2026-11-16")
    day = promote("2026-11-23")
    before = look(client, settings).journal
    again = promotion.promote(day, ROWS)
    assert (again.version, again.previous, look(client, settings).journal) == ("2", "1", before)


def test_a_promotion_that_broke_off_after_its_journal_entry_is_finished_by_the_next_try(
    client: MlflowClient, settings: Settings, promote: Make
) -> None:
    promote("2026-11-16")
    day = promote("2026-11-23")
    client.set_registered_model_alias(settings.model.name, "champion", "1")
    client.delete_registered_model_alias(settings.model.name, "previous_champion")
    promotion.promote(day, ROWS)
    assert version_of(client, settings, "champion") == "2"
    assert version_of(client, settings, "previous_champion") == "1"


def refuses(day: Day, message: str) -> None:
    with pytest.raises(DecisionError, match=message):
        promotion.promote(day, ROWS)


def test_nothing_is_promoted_without_a_record(train: Make) -> None:
    day = train("2026-11-23")
    register(day, {})
    refuses(day, "names no signed statement")


def test_a_rejected_version_is_not_promoted(train: Make) -> None:
    day = train("2026-11-23")
    register(day, {})
    answer(day, "Reject", reviewer="nobody")
    refuses(day, "not approved: Reject by no answer")


@pytest.mark.parametrize("what", ["rows", "model", "galley.toml"])
def test_what_changed_after_the_approval_is_refused(settings: Settings, approve: Make, shape: Shape, what: str) -> None:
    day = approve("2026-11-23")
    changed = {
        "rows": shape.judged_on(day),
        "model": day.models / "model.skops",
        "galley.toml": settings.project_file,
    }
    with changed[what].open("ab") as tampered:
        tampered.write(b"\n")
    day = Day.of(day.ds, Settings.from_environment({"GALLEY_HOME": str(settings.home)}))
    refuses(day, "has changed since")


@pytest.mark.parametrize("kind", ["ipynb", "html"])
def test_a_review_changed_after_the_approval_is_refused(approve: Make, shape: Shape, kind: str) -> None:
    day = approve("2026-11-23")
    (day.reports(shape.train) / f"{shape.review}.{kind}").write_text("{}")
    refuses(day, rf"{shape.review}\.{kind}")


def test_a_stage_after_the_review_may_run_again(approve: Make, shape: Shape) -> None:
    day = approve("2026-11-23")
    shape.leave_reports(day, shape.stages[-1:])
    assert promotion.promote(day, ROWS).version == "1"


def test_nothing_is_asked_without_a_review(train: Make, shape: Shape) -> None:
    day = train("2026-11-23")
    register(day, {})
    said = f"There is no review to decide on: the stage '{shape.review.partition('_')[2]}' of {shape.train}"
    with pytest.raises(DecisionError, match=said):
        decide.answer(day)
    review(day, "1")
    for kind in ("ipynb", "html"):
        (day.reports(shape.train) / f"{shape.review}.{kind}").unlink()
    with pytest.raises(DecisionError, match=said):
        decide.answer(day)


def test_an_answer_about_another_version_than_the_newest_is_not_recorded(train: Make) -> None:
    review(train("2026-11-23"), register(train("2026-11-23"), {}))
    day = train("2026-11-23")
    register(day, {})
    decide.answer(day)
    with pytest.raises(DecisionError, match="no signed statement about version 2"):
        promotion.record(day)


def test_a_version_with_less_approvals_than_the_policy_asked_for_is_not_promoted(
    settings: Settings, train: Make, shape: Shape
) -> None:
    with settings.project_file.open("a") as declared:
        declared.write(f'[models."{shape.model}".policy]\napprovals = 2\n')
    settings = Settings.from_environment({"GALLEY_HOME": str(settings.home)})
    day = Day.of(train("2026-11-23").ds, settings)
    register(day, {})
    for person in ("ada", "ada"):
        answer(day, "Approve", person)
        refuses(day, r"1 of the 2 approvals that the policy asks for \(ada\)")
    answer(day, "Approve", "grace")
    assert promotion.promote(day, ROWS).version == "1"


def test_a_champion_that_came_after_the_review_is_not_replaced_until_it_is_reviewed_again(
    client: MlflowClient, settings: Settings, train: Make, approve: Make
) -> None:
    first, second = approve("2026-11-16"), train("2026-11-23")
    promotion.promote(first, ROWS)
    version = register(second, {})
    review(second, version, champion="")
    answer(second, "Approve")
    refuses(second, "no version was the champion; now version 1 is")
    assert version_of(client, settings, "champion") == "1"
    review(second, version, champion="1")
    answer(second, "Approve")
    assert promotion.promote(second, ROWS).version == version
    assert promotion.promote(second, ROWS).version == version


def test_an_older_challenger_does_not_replace_a_newer_champion(approve: Make, promote: Make) -> None:
    older = approve("2026-11-16")
    promote("2026-11-23")
    refuses(older, "older than the champion")


def test_a_challenger_that_was_followed_by_another_is_refused(approve: Make, train: Make) -> None:
    day = approve("2026-11-16")
    register(train("2026-11-23"), {})
    refuses(day, "has become the challenger")


def test_a_model_trained_anew_after_the_approval_needs_its_own(approve: Make, train: Make) -> None:
    approve("2026-11-23")
    day = train("2026-11-23")
    register(day, {})
    refuses(day, "names no signed statement")


@pytest.mark.parametrize(("weeks_before", "champion"), [([], None), (["2026-11-16"], "1")])
def test_a_champion_that_scores_the_smoke_set_otherwise_is_taken_back(
    client: MlflowClient,
    settings: Settings,
    promote: Make,
    approve: Make,
    weeks_before: list[str],
    champion: str | None,
) -> None:
    for week in weeks_before:
        promote(week)
    day = approve("2026-11-23", DummyClassifier(strategy="stratified"))  # unseeded: no two answers are alike
    refuses(day, "predicts something else for the smoke set")
    assert version_of(client, settings, "champion") == champion
    assert look(client, settings).journal[-1].decision == "Taken back"
    assert with_history(client, settings) == ([champion] if champion else [])


def test_a_blank_rollback_goes_to_the_champion_before(client: MlflowClient, settings: Settings, promote: Make) -> None:
    promote("2026-11-16")
    day = promote("2026-11-23")
    assert roll_back(day).version == "1"
    assert models.resolve("", settings).version == "1"
    assert version_of(client, settings, "previous_champion") is None


def test_a_rollback_tried_again_by_its_own_run_goes_no_further_back(settings: Settings, promote: Make) -> None:
    for ds in ("2026-11-09", "2026-11-16", "2026-11-23"):
        day = promote(ds)
    assert roll_back(day).version == promotion.rollback(settings, "rollback__1").version == "2"
    assert roll_back(day, run="rollback__2").version == "1"
    with pytest.raises(DecisionError, match=r"Production was rolled back to version 1|version 3 was the champion"):
        promotion.rollback(settings, "rollback__1")


def test_a_rollback_mends_an_alias_that_was_moved_by_hand(
    client: MlflowClient, settings: Settings, promote: Make
) -> None:
    promote("2026-11-16")
    day = promote("2026-11-23")
    client.set_registered_model_alias(settings.model.name, "champion", "1")
    roll_back(day, "2")
    assert models.resolve("", settings).version == "2"


def test_a_version_that_was_rolled_back_returns_only_on_a_new_approval(
    client: MlflowClient, settings: Settings, promote: Make
) -> None:
    promote("2026-11-16")
    day = promote("2026-11-23")
    roll_back(day)
    refuses(day, "rolled back to version 1 by grace after version 2 was approved")
    answer(day, "Approve", reason="it was the data")
    assert promotion.promote(day, ROWS).version == version_of(client, settings, "champion") == "2"


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("", "no champion before"),
        ("1", "champion already"),
        ("2", "no signed statement about version 2"),
        ("9", "has no version '9'"),
    ],
)
def test_a_rollback_without_a_place_to_go_is_refused(
    client: MlflowClient, promote: Make, train: Make, version: str, message: str
) -> None:
    promote("2026-11-16")
    day = train("2026-11-23")
    register(day, {})
    with pytest.raises(DecisionError, match=message):
        roll_back(day, version)


def test_a_rollback_to_files_that_changed_is_refused(client: MlflowClient, settings: Settings, promote: Make) -> None:
    promote("2026-11-16")
    day = promote("2026-11-23")
    artifacts = Path(client.get_model_version_download_uri(settings.model.name, "1").removeprefix("file://"))
    (artifacts / "MLmodel").write_text("{}")
    with pytest.raises(DecisionError, match="are not those that grace decided on"):
        roll_back(day)
    assert version_of(client, settings, "champion") == "2"


def test_a_rollback_that_nobody_decided_on_is_refused(settings: Settings, promote: Make) -> None:
    for ds in ("2026-11-16", "2026-11-23"):
        promote(ds)
    with pytest.raises(DecisionError, match="no signed decision to roll back in the run 'rollback__1'"):
        promotion.rollback(settings, "rollback__1")


def test_a_rollback_that_was_refused_leaves_the_former_version_approved(
    settings: Settings, promote: Make, shape: Shape
) -> None:
    promote("2026-11-16")
    day = promote("2026-11-23")
    shape.conclude(day, shape.review, "rollback", version="1", champion_at_review="2")
    shape.leave_reports(day, (shape.review,), "rollback")
    decide.answer(day, "Reject", "grace", "it is the data", dag_id="rollback", run="rollback__1")
    with pytest.raises(DecisionError, match="no signed decision to roll back"):
        promotion.rollback(settings, "rollback__1")
    assert roll_back(day, "1", run="rollback__2").version == "1"


def test_a_model_logged_in_mlflows_own_way_is_registered_too(settings: Settings, train: Make) -> None:
    import mlflow

    day = train("2026-11-23")
    with mlflow.start_run():
        model = models.resolve(str(day.models), settings).load()
        logged = mlflow.sklearn.log_model(model, name="model", pip_requirements=["scikit-learn"])
    day = Day.of("2026-11-24", settings)
    mlflow.artifacts.download_artifacts(logged.model_uri, dst_path=str(day.models))
    assert register(day, {}) == "1"


def test_a_model_whose_run_mlflow_does_not_know_is_not_registered(
    client: MlflowClient, settings: Settings, train: Make
) -> None:
    day = train("2026-11-23")
    description = day.models / "MLmodel"
    run_id = versions.training_run(day.models)
    description.write_text(description.read_text().replace(run_id, "0" * 32))
    with pytest.raises(ModelNotFound, match="does not know the run"):
        register(day, {})
