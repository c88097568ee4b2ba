"""More than one worker: the work spreads, and what a killed worker was at is done by another."""

import pytest

DAYS = [f"2026-10-{day}" for day in range(20, 26)]
TRAINED = DAYS[-1]


@pytest.fixture(scope="module")
def workers(stack):
    """Two workers, as the names of their hosts; afterwards the scheduler runs tasks again."""
    stack.make("stack", COMPOSE_PROFILES="dev,docker,celery", AIRFLOW_EXECUTOR="CeleryExecutor", AIRFLOW_WORKERS="2")
    yield {worker["ID"][:12] for worker in stack.containers("airflow-worker")}
    stack.make("stack", COMPOSE_PROFILES="dev,docker", AIRFLOW_EXECUTOR="LocalExecutor")
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
