"""The whole job for seven days in the stack: with stages in the scheduler, and the same with each in a container."""

import json
import subprocess

import pytest
from conftest import WEEK, whole_job

IN_CONTAINERS = [f"2026-11-{day:02}" for day in range(4, 11)]
STAGES = ["01_prepare", "02_split", "03_train", "04_validate", "05_review", "06_record", "07_promote"]


@pytest.fixture(scope="module", params=["local", "docker"])
def job(request, stack):
    """The runner, the days, and how the runs of each DAG ended."""
    if request.param == "local":
        yield "local", WEEK, request.getfixturevalue("week")
        return
    stack.make("stack", GALLEY_RUNNER="docker")
    yield "docker", IN_CONTAINERS, whole_job(stack, IN_CONTAINERS, IN_CONTAINERS[-1:])


def test_seven_days_are_generated_trained_on_and_predicted(stack, job):
    _, days, states = job
    assert len(states["generate_data"]) == 7
    assert {state for runs in states.values() for state in runs.values()} == {"success"}
    for ds in days:
        assert {path.name for path in (stack.home / "data" / "raw" / ds).iterdir()} == {"data.csv", "target.csv"}
    stack.verify(*days)


def test_the_reviewer_approved_the_model_that_predicts(stack, job):
    _, days, states = job
    decision = json.loads((stack.home / "outputs" / days[-1] / "train_weekly" / "decision.json").read_text())
    assert (decision["decision"], decision["reviewer"]) == ("Approve", "reviewer")
    for ds in states["predict_daily"]:
        account = json.loads((stack.home / "data" / "predictions" / ds / "predictions.json").read_text())
        flights = (stack.home / "data" / "raw" / ds / "data.csv").read_text().splitlines()[1:]
        assert (account["model_version"], account["rows"]) == (decision["version"], len(flights))
        assert (account["run"]["dag_id"], account["run"]["task_id"]) == ("predict_daily", "predict")


def test_each_stage_ran_where_it_was_to(stack, job):
    runner, days, _ = job
    stages = {"generate_data": "01_generate", "train_weekly": "03_train", "predict_daily": "01_predict"}
    images = [stack.records(days[-1], *stage)[0]["run"].get("image", "").partition("@")[0] for stage in stages.items()]
    in_containers = [stack.image(name) for name in ("data-stage", "workbench", "workbench")]
    assert images == {"docker": in_containers, "local": [""] * 3}[runner]
    assert not stack.stages(), "a stage's container is left"


def test_reports_state_the_commit_and_do_not_claim_that_nothing_was_changed(stack, job):
    _, days, _ = job
    command = ["git", "-C", stack.home, "rev-parse", "HEAD"]
    commit = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    for stage in STAGES:
        source = stack.records(days[-1], "train_weekly", stage)[-1]["source"]
        assert (source["git_commit"], source["git_clean"]) == (commit, None)


def test_a_killed_filter_before_the_engine_costs_a_try_and_no_more(stack, job):
    runner, days, _ = job
    if runner == "local":
        pytest.skip("stages in the scheduler ask no engine")
    before = stack.accepted()
    stack.again("predict_daily", days[-1])
    stack.in_the_midst(days[-1], "predict_daily", "01_predict")
    stack.kill(stack.containers("docker-proxy")[0]["ID"])
    assert stack.ends("predict_daily", days[-1]) == ["success"]
    assert stack.ended(days[-1], "predict_daily", "01_predict") == ["completed", "interrupted", "completed"]
    assert stack.came_back("docker-proxy")
    assert [name for name in stack.changed(before) if "01_predict" not in name and "predictions.json" not in name] == []
    stack.verify(*days)


def test_an_earlier_champion_comes_back_when_the_reviewer_says_so(stack, week, job):
    runner, days, _ = job
    if runner == "local":
        pytest.skip("there is no earlier champion yet")
    earlier = json.loads((stack.home / "outputs" / WEEK[-1] / "train_weekly" / "decision.json").read_text())["version"]
    stack.client().unpause("rollback_model")
    assert stack.perform("rollback_model", days[-1], version=earlier, reason="It misses late flights.") == ["success"]
    stack.again("predict_daily", days[-1])
    assert stack.ends("predict_daily", days[-1]) == ["success"]
    account = json.loads((stack.home / "data" / "predictions" / days[-1] / "predictions.json").read_text())
    assert account["model_version"] == earlier
