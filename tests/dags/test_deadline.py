"""A day's promise that is not kept in time is alerted; one that is kept, or that was asked for too late, is not."""

import asyncio

import pytest

from galley.airflow.deadline import alert_if_missing

PROMISE = "predictions/{ds}/predictions.csv"


def missed(queued_at, logical_date="2026-11-23T00:00:00Z"):
    run = {
        "dag_id": "predict_daily",
        "dag_run_id": "scheduled__2026-11-23T00:00:00+00:00",
        "logical_date": logical_date,
        "queued_at": queued_at,
        "state": "running",
    }
    return {"dag_run": run, "deadline": {"id": "1", "deadline_time": "2026-11-23T06:00:00+00:00"}}


@pytest.fixture
def told(home, monkeypatch, caplog):
    """What people would be told, by what the log says when there is nobody to tell."""
    monkeypatch.setenv("GALLEY_ALERT_URLS", "")

    def tell(queued_at, promise=PROMISE, **run):
        asyncio.run(alert_if_missing(promise, missed(queued_at, **run)))
        return [record.message for record in caplog.records if "Nobody is notified" in record.message]

    return tell


def test_a_file_that_is_missing_is_told_of_by_its_name(told):
    (message,) = told("2026-11-23T00:00:05Z")
    assert "predict_daily: predictions/2026-11-23/predictions.csv is not there" in message


def test_a_file_that_is_there_is_not(home, told):
    file = home / "data" / PROMISE.format(ds="2026-11-23")
    file.parent.mkdir(parents=True)
    file.touch()
    assert told("2026-11-23T00:00:05Z") == []


def test_a_day_that_was_asked_for_after_its_hour_is_not(told):
    assert told("2026-11-25T09:00:00Z") == []


def test_the_file_of_one_run_of_several_a_day_is_looked_for_by_its_time(told):
    promise = "predictions/{ds}{time}/predictions.csv"
    (message,) = told("2026-11-23T05:00:05Z", promise, logical_date="2026-11-23T05:00:00Z")
    assert "predict_daily: predictions/2026-11-23T0500/predictions.csv is not there" in message
