"""What somebody does on a running system who wants a model in production that nobody decided on, and what comes of it.

Each test has a week of its own, which waits for its answer; two weeks have been approved and promoted, one after the
other. What code in a notebook can reach is in tests/faults/test_kernel_user.py too.
"""

import ctypes
import hashlib
import json
import os
import re
import shutil
import sqlite3
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from desk import DAG, Desk, galley

from galley.local.errors import AirflowError

FORMER, PROMOTED, REJECTED, CLEARED, EDITED, UNANSWERED = (
    f"2026-{day}" for day in ("10-19", "10-26", "11-02", "11-09", "11-16", "11-23")
)
WEEKS = (FORMER, PROMOTED, REJECTED, CLEARED, EDITED, UNANSWERED)
REVIEWERS = 'reviewers = ["ada", "grace"]'
FORGED = {"decision": "Approve", "reviewer": "ada", "reason": "forged", "answered_at": "2026-11-23T00:00:00Z"}


@pytest.fixture(scope="module")
def desk(project, registry):
    """One model in production after another, and four that wait for their reviewers."""
    with (project.home / "galley.toml").open("a") as declared:
        declared.write(f"[models.flights-late.policy]\n{REVIEWERS}\n")
    desk = Desk.open(
        project.home, project.ports["AIRFLOW"], project.environment | {"MLFLOW_TRACKING_URI": registry.url}
    )
    for ds in WEEKS:
        desk.trigger("generate_data", ds, source="synthetic", rows=300)
    for ds in WEEKS:  # before the weeks, which look for it once a minute
        desk.wait(ds, "generate", "success", dag="generate_data")
    for ds in (FORMER, PROMOTED):
        desk.trigger(DAG, ds, settings={"C": 0.1})
        desk.answer(ds, "Approve", "better than guessing")
        desk.wait(ds, "promote", "success")
    for ds in WEEKS[2:]:
        desk.trigger(DAG, ds, settings={"C": 0.1})
    for ds in WEEKS[2:]:
        desk.wait(ds, "approval", "awaiting_input")
    yield desk
    desk.close()


def predict(project, registry):
    """Predict by the champion; the exit code, and what was said."""
    done = galley(
        project, registry, "execute", "predict_daily/01_predict.ipynb", "--ds", PROMOTED, "-p", "model_as_of", "now"
    )
    return done.returncode, done.stderr


@contextmanager
def rewritten(path, old, new):
    """A file in which somebody wrote something else, until it is put back."""
    kept = path.read_text()
    path.write_text(kept.replace(old, new))
    assert path.read_text() != kept
    try:
        yield
    finally:
        path.write_text(kept)


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def form_digest(form):
    """Of the text of a form, as the statement of an answer has it and the page of the review shows it."""
    return hashlib.sha256(f"{form['subject']}\n\n{form['body']}".encode()).hexdigest()


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
    desk.wait(REJECTED, "approval", "awaiting_input")
    with pytest.raises(AirflowError, match="answered 403"):
        desk.answer_now(REJECTED, "Approve", "I say so", user="admin")
    shown = desk.form(REJECTED)
    desk.answer(REJECTED, "Reject", "worse on short flights", user="grace")
    desk.wait(REJECTED, "promote", "skipped")
    desk.set_xcom(REJECTED, "approval", FORGED)
    desk.set_xcom(REJECTED, "record", {"decision": "Approve"})
    desk.clear(REJECTED, "record")
    desk.wait(REJECTED, "promote", "skipped")
    assert form_digest(shown) in desk.page(f"reports/{REJECTED}/{DAG}/05_review.html")[1]
    said = json.loads((desk.settings.outputs / REJECTED / DAG / "decision.json").read_text())
    assert (said["decision"], said["reviewer"], said["reason"]) == ("Reject", "grace", "worse on short flights")
    desk.set_xcom(REJECTED, "record", {"decision": "Approve"})
    desk.clear(REJECTED, "promote")
    desk.wait(REJECTED, "promote", "failed")
    assert "was not approved: Reject (grace)" in desk.log(REJECTED, "promote")
    assert registry.champion() == version_of(desk, PROMOTED)


def test_a_week_that_is_trained_anew_while_its_review_waits_gets_a_form_about_the_new_version(desk, project):
    """For the people who may answer now: one of them was a reviewer, and no longer is."""
    before = desk.form(CLEARED)
    assert f"is about version {version_of(desk, CLEARED)}." in before["body"]
    former = version_of(desk, CLEARED)
    assert [user["name"] for user in before["assigned_users"]] == ["ada", "grace"]
    with rewritten(project.home / "galley.toml", REVIEWERS, 'reviewers = ["ada"]'):
        desk.clear(CLEARED, "train", is_finished=False)
        desk.wait(CLEARED, "review", "success")
        assert version_of(desk, CLEARED) != former
        desk.wait(CLEARED, "approval", "awaiting_input")
    after = desk.form(CLEARED)
    assert f"is about version {version_of(desk, CLEARED)}." in after["body"]
    assert digest(desk.settings.outputs / CLEARED / DAG / "05_review.html") in after["body"]
    assert form_digest(after) in desk.page(f"reports/{CLEARED}/{DAG}/05_review.html", user="ada")[1]
    assert form_digest(after) != form_digest(before)
    assert [user["name"] for user in after["assigned_users"]] == ["ada"]
    with pytest.raises(AirflowError, match="answered 403"):
        desk.answer_now(CLEARED, "Approve", "I was asked before", user="grace")


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
    statement = next((desk.settings.outputs / "decisions").glob("*/000002.json"))  # about the week in production
    for path in (reports / "05_review.ipynb", reports / "05_review.html", statement):
        kept = path.read_bytes()
        path.write_bytes(kept.replace(b"ada", b"eve") if b"ada" in kept else kept + b" ")
        done = galley(project, registry, "verify")
        assert done.returncode == 1
        assert "evidence changed" in done.stdout or "not signed by a key" in done.stdout
        path.write_bytes(kept)
    with rewritten(reports / "decision.json", "ada", "eve"):
        assert "decision.json has other content now" in galley(project, registry, "verify", PROMOTED).stdout
        for address in ("reports", f"reports/{PROMOTED}/{DAG}/05_review.html"):
            shown = desk.page(address)[1]
            assert (">ada</span>" in shown, "eve</span>" in shown) == (True, False)
    statement.rename(statement.with_suffix(".away"))
    code, said = predict(project, registry)
    statement.with_suffix(".away").rename(statement)
    assert code == 1
    assert re.search(r"000002\.json of \S+ is missing|which was kept elsewhere, is not among them", said)


def test_a_page_that_changes_places_with_a_link_shows_no_secret_of_airflow_to_whoever_asks(desk):
    page = desk.settings.outputs / PROMOTED / DAG / "05_review.html"
    secrets = desk.settings.home / ".airflow" / "secrets.json"
    link, whole = page.with_name("link"), page.read_bytes()
    link.symlink_to(secrets)
    libc, over = ctypes.CDLL(None), threading.Event()

    def swap():
        while not over.is_set():
            libc.renameat2(-100, os.fsencode(page), -100, os.fsencode(link), 2)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        answers = [desk.page(f"files/{PROMOTED}/{DAG}/05_review.html", user="grace") for _ in range(70)]
    finally:
        over.set()
        swapper.join()
        (link if page.is_symlink() else page).replace(page)
        link.unlink(missing_ok=True)
    assert page.read_bytes() == whole
    assert {status for status, _ in answers} <= {200, 404}
    assert (200, whole.decode()) in answers
    values = json.loads(secrets.read_text()).values()
    assert not any(value in text for _, text in answers for value in values)


def test_what_airflow_keeps_to_itself_while_it_runs_is_nobody_elses_to_read(desk):
    kept = desk.settings.home / ".airflow"
    names = ("secrets.json", "passwords.json", "connections.json", "airflow.cfg", "airflow.db")
    assert {name: oct((kept / name).stat().st_mode & 0o777) for name in names} == dict.fromkeys(names, "0o600")
    assert kept.stat().st_mode & 0o777 == 0o700


def test_a_model_that_would_run_code_predicts_nothing_though_a_variable_names_it(desk):
    ran = desk.settings.home / "ran"
    evil = desk.settings.data / "models" / "evil"
    shutil.copytree(desk.settings.data / "models" / PROMOTED, evil)
    (evil / "model.pkl").write_bytes(f"cos\nmkdir\n(V{ran}\ntR.".encode())
    stated = (evil / "MLmodel").read_text().replace("model.skops", "model.pkl")
    (evil / "MLmodel").write_text(stated.replace("format: skops", "format: cloudpickle"))
    desk.ask("POST", "variables", {"key": "model_uri", "value": "models/evil"})
    try:
        desk.trigger("predict_daily", PROMOTED)
        desk.wait(PROMOTED, "predict", "failed", dag="predict_daily")
    finally:
        desk.ask("DELETE", "variables/model_uri")
    assert "it is saved as cloudpickle" in desk.log(PROMOTED, "predict", dag="predict_daily")
    assert not ran.exists()


def test_a_rollback_that_anybody_triggers_moves_nothing_before_a_reviewer_has_approved_it(desk, registry):
    desk.trigger("rollback_model", UNANSWERED, user="grace", reason="I like the former one better")
    desk.wait(UNANSWERED, "approval", "awaiting_input", dag="rollback_model")
    form = desk.form(UNANSWERED, dag="rollback_model")
    assert form["subject"] == f"Put version {version_of(desk, FORMER)} back into production?"
    assert [user["name"] for user in form["assigned_users"]] == ["ada", "grace"]
    with pytest.raises(AirflowError, match="answered 403"):
        desk.answer_now(UNANSWERED, "Approve", "I say so", user="admin", dag="rollback_model")
    assert registry.champion() == version_of(desk, PROMOTED)
