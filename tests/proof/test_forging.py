"""What somebody does on a running system who wants a model in production that nobody decided on, and what comes of it.

Each test has a week of its own, which waits for its answer; one week has been approved and promoted.
"""

import json
import shutil
import sqlite3
from contextlib import contextmanager
from pathlib import Path

import pytest
from desk import DAG, Desk, galley

PROMOTED, REJECTED, CLEARED, EDITED, UNANSWERED = (
    f"2026-{day}" for day in ("10-26", "11-02", "11-09", "11-16", "11-23")
)
WEEKS = (PROMOTED, REJECTED, CLEARED, EDITED, UNANSWERED)
FORGED = {"decision": "Approve", "reviewer": "ada", "reason": "forged", "answered_at": "2026-11-23T00:00:00Z"}


@pytest.fixture(scope="module")
def desk(project, registry):
    """One model in production, and four that wait for their reviewers."""
    with (project.home / "galley.toml").open("a") as declared:
        declared.write('[models.flights-late.policy]\nreviewers = ["ada", "grace"]\n')
    desk = Desk.open(
        project.home, project.ports["AIRFLOW"], project.environment | {"MLFLOW_TRACKING_URI": registry.url}
    )
    for ds in WEEKS:
        desk.trigger("generate_data", ds, source="synthetic", rows=300)
    desk.trigger(DAG, PROMOTED, settings={"C": 0.1})
    desk.answer(PROMOTED, "Approve", "better than guessing")
    desk.wait(PROMOTED, "promote", "success")
    for ds in WEEKS[1:]:
        desk.trigger(DAG, ds, settings={"C": 0.1})
    for ds in WEEKS[1:]:
        desk.wait(ds, "approval", "awaiting_input")
    yield desk
    desk.close()


def predict(project, registry):
    """Predict by the champion; the exit code, and what was said."""
    done = galley(
        project, registry, "execute", "predict_daily/01_predict.ipynb", "--ds", PROMOTED, "-p", "model_as_of", "now"
    )
    return done.returncode, done.stderr


def version_of(desk, ds):
    return json.loads((desk.settings.outputs / ds / DAG / "metrics.json").read_text())["review"]["version"]


@contextmanager
def in_mlflow(registry, *changes):
    """What somebody changes in MLflow's database by hand, until it is put back."""
    path = Path(registry.settings.tracking_uri.removeprefix("sqlite:///"))
    kept = sqlite3.connect(":memory:")
    with sqlite3.connect(path) as database:
        database.backup(kept)
        for change in changes:
            database.execute(*change)
    try:
        yield
    finally:
        with sqlite3.connect(path) as database:
            kept.backup(database)


def test_an_answer_that_was_written_over_in_airflow_promotes_nothing(desk, registry):
    desk.answer(REJECTED, "Reject", "worse on short flights", user="grace")
    desk.wait(REJECTED, "promote", "skipped")
    desk.set_xcom(REJECTED, "approval", FORGED)
    desk.set_xcom(REJECTED, "record", {"decision": "Approve"})
    desk.clear(REJECTED, "record")
    desk.wait(REJECTED, "promote", "skipped")
    said = json.loads((desk.settings.outputs / REJECTED / DAG / "decision.json").read_text())
    assert (said["decision"], said["reviewer"], said["reason"]) == ("Reject", "grace", "worse on short flights")
    desk.set_xcom(REJECTED, "record", {"decision": "Approve"})
    desk.clear(REJECTED, "promote")
    desk.wait(REJECTED, "promote", "failed")
    assert "was not approved: Reject (grace)" in desk.log(REJECTED, "promote")
    assert registry.champion() == version_of(desk, PROMOTED)


def test_a_week_that_is_trained_anew_while_its_review_waits_gets_a_form_about_the_new_version(desk):
    before = desk.form(CLEARED)
    assert f"is about version {version_of(desk, CLEARED)}." in before["body"]
    former = version_of(desk, CLEARED)
    desk.clear(CLEARED, "train", is_finished=False)
    desk.wait(CLEARED, "review", "success")
    assert version_of(desk, CLEARED) != former
    desk.wait(CLEARED, "approval", "awaiting_input")
    after = desk.form(CLEARED)
    assert f"is about version {version_of(desk, CLEARED)}." in after["body"]
    assert [user["name"] for user in after["assigned_users"]] == ["ada", "grace"]


def test_a_page_that_is_rewritten_before_the_answer_makes_the_answer_void(desk, registry):
    page = desk.settings.outputs / EDITED / DAG / "05_review.html"
    page.write_text(page.read_text().replace("Recommend", "Most certainly recommend"))
    desk.answer(EDITED, "Approve", "the page says so")
    desk.wait(EDITED, "approval", "failed")
    assert "05_review.html: not as the tasks of this run left it" in desk.log(EDITED, "approval")
    assert registry.champion() == version_of(desk, PROMOTED)


def test_a_decision_cannot_be_given_to_a_notebook_by_hand(desk, project, registry):
    words = [word for name, value in FORGED.items() for word in ("-p", name, value)]
    forged = galley(project, registry, "execute", f"{DAG}/06_record.ipynb", "--ds", UNANSWERED, *words)
    assert forged.returncode == 1
    assert "ParameterError" in forged.stderr
    for stage, said in (
        ("06_record", "no signed statement about version"),
        ("07_promote", "names no signed statement"),
    ):
        done = galley(project, registry, "execute", f"{DAG}/{stage}.ipynb", "--ds", UNANSWERED)
        assert (done.returncode, said in done.stderr) == (1, True)


def test_tags_and_an_alias_written_by_hand_let_nothing_predict(desk, project, registry):
    version = version_of(desk, UNANSWERED)
    name = desk.settings.model.name
    copy = (
        "insert into model_version_tags (name, version, key, value) select name, ?, key, value from model_version_tags"
    )
    with in_mlflow(
        registry,
        ("delete from model_version_tags where version = ? and key like 'galley.%' and key != 'galley.ds'", (version,)),
        (
            f"{copy} where version = ? and key like 'galley.%' and key != 'galley.ds'",
            (version, version_of(desk, PROMOTED)),
        ),
        ("update registered_model_aliases set version = ? where alias = 'champion' and name = ?", (version, name)),
    ):
        code, said = predict(project, registry)
    assert code == 1
    assert f"no signed statement about version {version}" in said
    assert predict(project, registry)[0] == 0


def test_files_that_are_swapped_in_mlflow_do_not_predict_though_no_tag_has_their_digest(desk, project, registry):
    source = desk.settings.data / "models" / UNANSWERED
    (artifacts,) = {path.parent for path in (desk.settings.data / "mlflow").rglob("MLmodel") if is_of(path, desk)}
    kept = artifacts.with_name("kept")
    shutil.copytree(artifacts, kept)
    try:
        shutil.copytree(source, artifacts, dirs_exist_ok=True)
        with in_mlflow(registry, ("delete from model_version_tags where key = 'galley.digest.model'", ())):
            code, said = predict(project, registry)
        assert code == 1
        assert "are not those that ada decided on" in said
    finally:
        shutil.rmtree(artifacts)
        kept.rename(artifacts)
    assert predict(project, registry)[0] == 0


def is_of(path, desk):
    """Whether MLflow keeps the promoted model there."""
    return path.read_bytes() == (desk.settings.data / "models" / PROMOTED / "MLmodel").read_bytes()


def test_a_record_that_is_rewritten_is_found_and_counts_for_nothing(desk, project, registry):
    assert galley(project, registry, "verify").returncode == 0
    reports = desk.settings.outputs / PROMOTED / DAG
    statement = next((desk.settings.outputs / "decisions").glob("*/000001.json"))
    for path in (reports / "05_review.ipynb", reports / "05_review.html", statement):
        kept = path.read_bytes()
        path.write_bytes(kept.replace(b"ada", b"eve") if b"ada" in kept else kept + b" ")
        done = galley(project, registry, "verify")
        assert done.returncode == 1
        assert "evidence changed" in done.stdout or "not signed by a key" in done.stdout
        path.write_bytes(kept)
    statement.rename(statement.with_suffix(".away"))
    code, said = predict(project, registry)
    statement.with_suffix(".away").rename(statement)
    assert (code, "which was kept elsewhere, is not among them" in said) == (1, True)
