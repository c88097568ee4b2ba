"""Three weeks and their reviews on a real scheduler, told in order: what people do, and what production becomes of it.

The first is met with silence, rejected, marked as a success, approved; the second is approved over it, tampered with,
rolled back and approved anew; then the first is approved too late. A third is only backfilled.
"""

import json
import re
import subprocess
import sys
import time
from urllib.parse import quote

import pytest
from desk import DAG, Desk, changed, galley, little_patience

from galley.local.api import logical_date
from galley.local.errors import AirflowError

BACKFILLED, FIRST, SECOND = "2026-11-09", "2026-11-16", "2026-11-23"
REASON = "better than guessing"


@pytest.fixture(scope="module")
def desk(project, registry, receiver):
    settings = {
        "GALLEY_REVIEWERS": "ada grace",
        "GALLEY_ALERT_URLS": receiver.url,
        "MLFLOW_TRACKING_URI": registry.url,
    }
    with little_patience(project.home):
        desk = Desk.open(project.home, project.ports["AIRFLOW"], project.environment | settings)
        for ds in (BACKFILLED, FIRST, SECOND):
            desk.trigger("generate_data", ds, source="synthetic", rows=400)
        for ds in (BACKFILLED, FIRST, SECOND):
            desk.wait(ds, "generate", "success", dag="generate_data")
        desk.trigger(DAG, FIRST, settings={"C": 0.1})
        desk.wait(FIRST, "approval", "awaiting_input")
        desk.backfill(BACKFILLED)
        desk.wait(FIRST, "promote", "skipped")
    yield desk
    desk.close()


@pytest.fixture
def told(receiver):
    """The titles and texts of alerts since the test began."""
    before = len(receiver.received)
    return lambda: [(alert["title"], alert["message"]) for alert in receiver.received[before:]]


def decision(desk, ds):
    return json.loads((desk.settings.outputs / ds / DAG / "decision.json").read_text())


def approve(desk, ds, reason=REASON):
    desk.clear(ds, "approval")
    desk.answer(ds, "Approve", reason)


def test_people_are_told_when_it_asks_and_once_more_before_silence_is_a_reject(desk, registry, receiver):
    messages = [alert["message"] for alert in receiver.received if FIRST in alert["title"]]
    assert ["There is no answer yet." in message for message in messages] == [False, True]
    assert all("**Recommend" in message and "| ROC AUC |" in message for message in messages)
    recorded = decision(desk, FIRST)
    assert (recorded["decision"], recorded["reviewer"]) == ("Reject by no answer", "nobody")
    assert registry.champion() is None


def test_a_backfilled_week_is_reviewed_but_nobody_is_asked(desk, receiver):
    desk.wait(BACKFILLED, "promote", "skipped")
    states = {task: desk.task(BACKFILLED, task).state for task in ("review", "approval", "record", "promote")}
    assert states == {"review": "success", "approval": "skipped", "record": "skipped", "promote": "skipped"}
    assert "Nobody is asked in a backfill" in desk.log(BACKFILLED, "approval")
    assert not [alert for alert in receiver.received if BACKFILLED in alert["title"]]
    assert not (desk.settings.outputs / BACKFILLED / DAG / "decision.json").exists()


def test_somebody_else_may_not_answer_and_nobody_may_answer_twice(desk):
    desk.clear(FIRST, "approval")
    desk.wait(FIRST, "approval", "awaiting_input")
    with pytest.raises(AirflowError, match="answered 403"):
        desk.answer_now(FIRST, "Approve", REASON, user="admin")
    desk.answer(FIRST, "Reject", "too few rows", user="grace")
    with pytest.raises(AirflowError, match="answered 409"):
        desk.answer_now(FIRST, "Approve", REASON)


def test_a_rejected_week_is_recorded_and_goes_nowhere(desk, registry):
    desk.wait(FIRST, "promote", "skipped")
    recorded = decision(desk, FIRST)
    assert (recorded["decision"], recorded["reviewer"], recorded["reason"]) == ("Reject", "grace", "too few rows")
    assert registry.champion() is None


def test_an_approval_that_was_marked_as_success_by_hand_decides_nothing(desk, registry):
    desk.clear(FIRST, "approval")
    desk.wait(FIRST, "approval", "awaiting_input")
    desk.mark_success(FIRST, "approval")
    desk.wait(FIRST, "promote", "skipped")
    recorded = decision(desk, FIRST)
    assert (recorded["decision"], recorded["reviewer"]) == ("Reject", "grace")  # the last answer that was given
    assert registry.champion() is None


def test_an_approval_without_a_reason_is_asked_for_again_and_then_counts(desk, registry, told):
    approve(desk, FIRST, reason="  ")
    while not any("gave no reason" in message for _, message in told()):
        time.sleep(0.5)
    desk.answer(FIRST, "Approve", REASON)
    desk.wait(FIRST, "promote", "success")
    assert registry.champion() == "1"


def test_a_day_before_the_first_champion_is_predicted_in_the_way_that_its_error_names(desk):
    desk.trigger("predict_daily", FIRST)
    desk.wait(FIRST, "predict", "failed", dag="predict_daily")
    log = desk.log(FIRST, "predict", "predict_daily")
    (at,) = set(re.findall(r"that has no run yet, as (\S+), and with the Param model_as_of", log))
    asked = {"dag_run_id": "again", "conf": {"model_as_of": "now"}}
    with pytest.raises(AirflowError, match="answered 409"):
        desk.ask("POST", "dags/predict_daily/dagRuns", asked | {"logical_date": logical_date(FIRST)})
    desk.ask("POST", "dags/predict_daily/dagRuns", asked | {"logical_date": at})
    while (state := desk.ask("GET", "dags/predict_daily/dagRuns/again")["state"]) not in ("success", "failed"):
        time.sleep(0.5)
    account = json.loads((desk.settings.data / "predictions" / FIRST / "predictions.json").read_text())
    assert (state, account["model_version"], account["run"]["run_id"]) == ("success", "1", "again")


def test_a_newer_week_is_approved_over_it_although_the_registry_was_away(desk, registry):
    desk.trigger(DAG, SECOND, settings={"C": 1.0})
    desk.wait(SECOND, "approval", "awaiting_input")
    with registry.away():
        desk.answer(SECOND, "Approve", REASON)
        desk.wait(SECOND, "record", "up_for_retry")
    assert "RegistryUnavailable may pass" in desk.log(SECOND, "record")
    desk.wait(SECOND, "promote", "success")
    assert registry.champion() == "3"


@pytest.mark.parametrize("stage", ["05_review", "06_record", "07_promote"])
def test_while_the_registry_is_away_a_stage_asks_for_another_try(desk, project, stage):
    done = subprocess.run(
        [sys.executable, "-m", "galley.cli", "execute", f"{DAG}/{stage}.ipynb", "--ds", SECOND],
        env=project.environment | {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"},
        cwd=project.home,
        capture_output=True,
        text=True,
    )
    assert "RegistryUnavailable" in done.stderr
    assert done.returncode == 75


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("processed/{}/val.csv", "is not what 02_split recorded"),  # refused already where it is read
        ("models/{}/MLmodel", "approved on has changed since"),
    ],
)
def test_what_changed_since_its_approval_is_not_promoted(desk, name, said):
    with changed(desk.settings.data / name.format(SECOND)):
        desk.clear(SECOND, "promote")
        desk.wait(SECOND, "promote", "failed")
    assert said in desk.log(SECOND, "promote")


def test_a_version_that_was_rolled_back_returns_only_on_a_new_approval(desk, registry):
    desk.trigger("rollback_model", SECOND, reason="missed late flights")
    desk.wait(SECOND, "approval", "awaiting_input", dag="rollback_model")
    assert registry.champion() == "3"
    with pytest.raises(AirflowError, match="answered 403"):
        desk.answer_now(SECOND, "Approve", "I asked for it", user="admin", dag="rollback_model")
    desk.answer(SECOND, "Approve", "it misses late flights", dag="rollback_model")
    desk.wait(SECOND, "rollback", "success", dag="rollback_model")
    assert registry.champion() == "1"
    desk.clear(SECOND, "promote")
    desk.wait(SECOND, "promote", "failed")
    assert "rolled back to version 1 by ada" in desk.log(SECOND, "promote")
    approve(desk, SECOND)
    desk.wait(SECOND, "promote", "success")
    assert registry.champion() == "3"


def test_two_rollbacks_on_one_day_have_pages_and_decisions_of_their_own(desk, project, registry):
    later = f"{SECOND}T1015"
    desk.trigger("rollback_model", later, reason="it misses them again")
    desk.answer(later, "Reject", "not twice in a day", dag="rollback_model")
    desk.wait(later, "rollback", "skipped", dag="rollback_model")
    reasons = {f"{SECOND}T0000": "missed late flights", later: "it misses them again"}
    for ds, reason in reasons.items():
        folder = desk.settings.outputs / ds / "rollback_model"
        assert reason in (folder / "01_review.html").read_text()
        assert [path.name for path in (folder / "attempts").glob("*.html") if "review" in path.name] == [
            "01_review.try1.html"
        ]
        assert galley(project, registry, "verify", ds).returncode == 0
    assert not (desk.settings.outputs / SECOND / "rollback_model").exists()
    assert registry.champion() == "3"


def test_nobody_is_asked_about_an_older_week_which_could_not_replace_it(desk, registry):
    desk.clear(FIRST, "approval")
    desk.wait(FIRST, "promote", "skipped")
    assert f"of {FIRST} is older than version 3 of {SECOND}" in desk.log(FIRST, "approval")
    assert registry.champion() == "3"


def test_a_backfilled_week_can_be_asked_for_anew_once_its_run_is_deleted(desk):
    run_id = desk.client().run(DAG, BACKFILLED).run_id
    desk.ask("DELETE", f"dags/{DAG}/dagRuns/{quote(run_id, safe='')}")
    desk.trigger(DAG, BACKFILLED)
    assert desk.client().run(DAG, BACKFILLED).run_id != run_id
