"""Who the stack's stages are in MLflow, and what that user may not do there."""

import json

import pytest

MODEL = {"name": "flights-late"}


def ask(stack, method, path, body, user="stages"):
    password = {"stages": "MLFLOW_STAGES_PASSWORD", "galley": "MLFLOW_PASSWORD"}[user]
    url = f"{stack.url('MLFLOW')}/api/2.0/mlflow/{path}"
    status, said = stack.ask(url, method, body, **stack.basic(user, stack.settings[password]))
    return status, json.loads(said) if said.startswith("{") else said


def champion(stack):
    status, said = ask(stack, "GET", f"registered-models/alias?name={MODEL['name']}&alias=champion", None)
    assert status == 200, said
    return said["model_version"]["version"]


@pytest.mark.parametrize("service", ["airflow-scheduler", "airflow-apiserver", "airflow-dag-processor", "jupyterlab"])
def test_who_the_stages_are_is_what_services_have_and_the_administrator_is_known_to_one(stack, service):
    known = dict(line.split("=", 1) for line in stack.exec(service, "env").splitlines() if "=" in line)
    assert known["MLFLOW_TRACKING_USERNAME"] == "stages"
    knows = any(stack.settings["MLFLOW_PASSWORD"] in value for value in known.values())
    assert knows == (service == "airflow-apiserver")


def test_stages_may_log_and_register_and_not_move_the_champion(stack, week):
    status, said = ask(stack, "POST", "runs/create", {"experiment_id": "0"})
    assert status == 200, said
    run = said["run"]["info"]
    version = MODEL | {"source": f"{run['artifact_uri']}/model", "run_id": run["run_id"]}
    status, said = ask(stack, "POST", "model-versions/create", version)
    assert status == 200, said
    registered, before = MODEL | {"version": said["model_version"]["version"]}, champion(stack)
    for method, path, body in (
        ("POST", "registered-models/alias", registered | {"alias": "champion"}),
        ("DELETE", "registered-models/alias", MODEL | {"alias": "champion"}),
        ("DELETE", "model-versions/delete", MODEL | {"version": before}),
        ("POST", "model-versions/set-tag", registered | {"key": "galley.decision", "value": "Approve"}),
    ):
        assert ask(stack, method, path, body)[0] == 403, path
    assert champion(stack) == before
    assert ask(stack, "DELETE", "model-versions/delete", registered, user="galley")[0] == 200
