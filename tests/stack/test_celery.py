"""More than one worker: the work spreads, and what a killed worker was at is done by another."""

import pytest

DAYS = ["2026-10-29", "2026-10-30", "2026-10-31", "2026-11-01", "2026-11-02", "2026-11-03"]
TRAINED = DAYS[-1]


@pytest.fixture(scope="module")
def workers(stack, week):
    """Two workers, as the names of their hosts; afterwards the scheduler runs tasks, with stages in containers."""
    stack.make("stack", COMPOSE_PROFILES="dev,docker,celery", AIRFLOW_EXECUTOR="CeleryExecutor", AIRFLOW_WORKERS="2")
    yield {worker["ID"][:12] for worker in stack.containers("airflow-worker")}
    stack.make("stack", COMPOSE_PROFILES="dev,docker", AIRFLOW_EXECUTOR="LocalExecutor", GALLEY_RUNNER="docker")
    assert {found["Service"] for found in stack.containers()}.isdisjoint({"airflow-worker", "redis"})


def test_days_arrive_by_both_workers(stack, workers):
    assert set(stack.perform("generate_data", *DAYS)) == {"success"}
    assert {stack.records(ds, "generate_data", "01_generate")[-1]["host"] for ds in DAYS} == workers


def test_a_killed_workers_stage_is_done_by_the_other_and_its_attempt_says_interrupted(stack, workers):
    before = stack.accepted()
    stack.begin("train_weekly", TRAINED)
    killed = stack.in_the_midst(TRAINED, "train_weekly", "03_train")["host"]
    # As a machine that is lost: nothing starts this worker again.
    stack.lose(killed)
    assert stack.ends("train_weekly", TRAINED) == ["success"]
    first, *_, last = stack.records(TRAINED, "train_weekly", "03_train")
    assert (first["host"], first["end"]["state"]) == (killed, "interrupted")
    assert ({last["host"]}, last["end"]["state"]) == (workers - {killed}, "completed")
    assert stack.changed(before) == []
    stack.verify(*DAYS)
