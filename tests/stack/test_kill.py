"""Each service killed with -9 while a stage of a training runs: it comes back, the run ends well, nothing is lost."""

import pytest

DAY = "2026-10-26"
KILLED = {
    "01_prepare": "airflow-apiserver",
    "02_split": "airflow-dag-processor",
    "03_train": "mlflow",
    "04_validate": "postgres",
    "05_review": "airflow-scheduler",
}
"""A service for each stage. The triggerer is in test_alerts, the filter before the engine in test_whole_job."""


@pytest.fixture(scope="module")
def before(stack):
    """A training begins; returns what was accepted before."""
    assert stack.perform("generate_data", DAY) == ["success"]
    accepted = stack.accepted()
    stack.begin("train_weekly", DAY)
    return accepted


@pytest.mark.parametrize(("stage", "service"), KILLED.items())
def test_a_stage_completes_although_a_service_is_killed_while_it_runs(stack, before, stage, service):
    stack.in_the_midst(DAY, "train_weekly", stage)
    stack.kill(stack.containers(service)[0]["ID"])
    stack.wait(lambda: stack.task("train_weekly", DAY, stage[3:]).state == "success", f"the end of {stage}")
    assert stack.ended(DAY, "train_weekly", stage)[-1] == "completed"
    assert stack.changed(before) == []


def test_the_run_goes_on_to_its_end_and_every_digest_holds(stack, before):
    assert stack.ends("train_weekly", DAY) == ["success"]
    stack.verify(DAY)


def test_what_the_scheduler_was_at_says_that_it_was_interrupted(stack, before):
    assert stack.ended(DAY, "train_weekly", "05_review") == ["interrupted", "completed"]


@pytest.mark.parametrize("service", KILLED.values())
def test_a_killed_service_is_back_and_well(stack, before, service):
    stack.wait(lambda: stack.came_back(service), f"the return of {service}")
