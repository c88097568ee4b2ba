"""PostgreSQL and MLflow away for a minute, while a model is trained."""

import time

DAY = "2026-10-27"
AWAY = 60
"""Seconds."""


def test_a_training_ends_well_although_mlflow_and_postgresql_were_away_for_a_minute(stack):
    assert stack.perform("generate_data", DAY) == ["success"]
    before = stack.accepted()
    # The first stage that asks for it is train.
    stack.docker("stop", "--timeout", "1", "mlflow")
    stack.begin("train_weekly", DAY)
    stack.in_the_midst(DAY, "train_weekly", "03_train")
    stack.docker("stop", "--timeout", "1", "postgres")
    time.sleep(AWAY)
    stack.docker("start", "mlflow", "postgres")
    assert stack.ends("train_weekly", DAY) == ["success"]
    first, *_, last = stack.records(DAY, "train_weekly", "03_train")
    assert first["end"]["message"].startswith("RegistryUnavailable: The model registry at http://mlflow:5000")
    assert last["end"]["state"] == "completed"
    assert stack.changed(before) == []
    stack.verify(DAY)
