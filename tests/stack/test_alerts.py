"""What the stack notifies people of: each once, by mail, with links that open."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from conftest import WEEK

BEFORE = "2026-10-11"
"""A day before there was a champion."""


@pytest.fixture(scope="module", autouse=True)
def late(stack, week):
    """A day whose predictions do not come, and the triggerer, which is to tell, killed just before their hour."""
    soon = datetime.now(UTC) - timedelta(hours=6) + timedelta(seconds=20)
    body = {"dag_run_id": "late", "logical_date": soon.isoformat()}
    runs = f"{stack.url('AIRFLOW')}/api/v2/dags/predict_daily/dagRuns"
    status, said = stack.ask(runs, "POST", body, **stack.token_of("admin"))
    assert status == 200, said
    stack.kill(stack.containers("airflow-triggerer")[0]["ID"])
    return f"{soon:%Y-%m-%d}"


def test_a_failure_is_told_once_with_links_that_open(stack):
    assert stack.perform("generate_data", BEFORE) == ["success"]
    assert stack.perform("predict_daily", BEFORE) == ["failed"]
    (mail,) = stack.mails("predict_daily: predict failed")
    address = re.search(r"Report: (http[^\s<]+)", mail)[1]
    page = address.replace("/plugin/reports/", "/")
    assert page.startswith(f"http://localhost:{stack.settings['GALLEY_AIRFLOW_PORT']}/galley/reports/{BEFORE}/")
    status, text = stack.ask(page.replace("localhost", "127.0.0.1"), **stack.token_of("viewer"))
    assert (status, "predict" in text) == (200, True)


def test_a_review_was_asked_for_by_mail(stack):
    (mail,) = stack.mails(f"Put the model of {WEEK[-1]} into production?")
    assert f"http://localhost:{stack.settings['GALLEY_AIRFLOW_PORT']}/dags/train_weekly/runs/" in mail


def test_a_review_that_nobody_answers_is_brought_to_mind_once_before_silence_is_a_reject(stack, unanswered):
    def state():
        return stack.client().run("ask_briefly", unanswered).state

    stack.wait(lambda: state() in ("success", "failed"), "a Reject by nobody")
    assert state() == "success"
    asked, reminder = sorted(stack.mails("Is anybody there?"), key=len)
    assert "There is no answer yet." in reminder
    assert "There is no answer yet." not in asked
    form = f"http://localhost:{stack.settings['GALLEY_AIRFLOW_PORT']}/dags/ask_briefly/runs/"
    assert form in asked
    assert form in reminder


def test_predictions_that_are_not_there_in_time_are_told_once_although_the_triggerer_was_killed(stack, late):
    title = f"predict_daily: predictions/{late}/predictions.csv is not there"
    stack.wait(lambda: stack.mails(title), "the alert")
    stack.wait(lambda: stack.came_back("airflow-triggerer"), "the return of the triggerer")
    (mail,) = stack.mails(title)
    assert f"http://localhost:{stack.settings['GALLEY_AIRFLOW_PORT']}/dags/predict_daily/runs/late" in mail
