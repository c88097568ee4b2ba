"""The stack from nothing: who may do what, the whole job, a killed service, a late day, JupyterLab, and a backup."""

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from lab import Lab

DAYS = ["2026-10-19", "2026-10-20"]
TRAINED = DAYS[-1]
SERVICES = [
    "airflow-apiserver",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
    "mlflow",
    "jupyterlab",
]


def containers(stack):
    return [json.loads(line) for line in stack.docker("ps", "--all", "--format", "json").splitlines()]


def test_everything_is_up_and_says_that_it_is_well(stack):
    up = {found["Service"]: found["Health"] for found in containers(stack) if found["Service"] != "airflow-init"}
    assert up == dict.fromkeys([*SERVICES, "postgres", "mail"], "healthy")


def test_every_port_is_on_loopback(stack):
    published = [port for found in containers(stack) for port in found["Publishers"] or [] if port["PublishedPort"]]
    assert {port["URL"] for port in published} == {"127.0.0.1"}
    assert len(published) == 3


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_is_not_root_and_cannot_write_to_its_image(stack, service):
    assert stack.docker("exec", "-T", service, "id", "-u").strip() == stack.settings["AIRFLOW_UID"]
    stack.docker("exec", "-T", service, "sh", "-c", "! touch /opt/galley/.venvs/mark /etc/mark 2>/dev/null")


@pytest.mark.parametrize("module", ["pandas", "sklearn", "mlflow", "jupyterlab"])
def test_airflows_image_has_nothing_of_the_stages(stack, module):
    looked = f"from importlib.util import find_spec; raise SystemExit(find_spec('{module}') is not None)"
    stack.docker("exec", "-T", "airflow-apiserver", "python", "-c", looked)


@pytest.mark.parametrize("path", ["/galley/reports", "/galley/docs", "/galley/openapi.json", "/api/v2/dags"])
def test_who_is_not_logged_in_sees_nothing_of_airflow(stack, path):
    status, said = stack.ask(stack.url("AIRFLOW") + path)
    assert status in (401, 403, 404), said[:200]


def test_the_passwords_that_everybody_tries_open_nothing(stack):
    login = {"username": "admin", "password": "admin"}
    assert stack.ask(f"{stack.url('AIRFLOW')}/auth/token", "POST", login)[0] == 401
    runs = f"{stack.url('MLFLOW')}/api/2.0/mlflow/experiments/search?max_results=1"
    assert stack.ask(runs)[0] == 401
    assert stack.ask(runs, **stack.basic("admin", "password1234"))[0] == 401
    assert stack.ask(runs, **stack.basic("galley", stack.settings["MLFLOW_PASSWORD"]))[0] == 200
    assert stack.ask(f"{stack.url('JUPYTER')}/api/contents")[0] == 403


@pytest.mark.parametrize("user", ["viewer", "reviewer"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "dags/train_weekly", {"is_paused": True}),
        ("POST", "dags/train_weekly/dagRuns", {"logical_date": "2026-01-05T00:00:00Z"}),
        ("POST", "dags/train_weekly/clearTaskInstances", {"dry_run": True}),
        ("POST", "variables", {"key": "model_uri", "value": "models/2026-01-05"}),
        ("DELETE", "dags/train_weekly", None),
    ],
)
def test_who_only_looks_or_reviews_changes_nothing_else(stack, user, method, path, body):
    status, said = stack.ask(f"{stack.url('AIRFLOW')}/api/v2/{path}", method, body, **stack.token_of(user))
    assert status == 403, said


@pytest.mark.parametrize("user", ["admin", "reviewer", "viewer"])
def test_who_is_logged_in_sees_reports(stack, user):
    assert stack.ask(f"{stack.url('AIRFLOW')}/galley/reports", **stack.token_of(user))[0] == 200


def test_days_arrive_although_the_scheduler_is_killed_in_the_middle(stack):
    first, second = DAYS
    stack.client().trigger("generate_data", first, {})

    def runs():
        return any(task.state == "running" for task in stack.client().run("generate_data", first).tasks)

    stack.wait(runs, "a running stage")
    stack.docker("exec", "-T", "airflow-scheduler", "sh", "-c", "kill -9 -1", check=False)
    assert stack.perform("generate_data", second) == "success"
    assert stack.perform("generate_data", first) == "success"
    for ds in DAYS:
        assert {path.name for path in (stack.home / "data" / "raw" / ds).iterdir()} == {"data.csv", "target.csv"}


def test_a_training_is_approved_by_the_reviewer_and_its_model_predicts(stack):
    assert stack.perform("train_weekly", TRAINED) == "success"
    decision = json.loads((stack.home / "outputs" / TRAINED / "train_weekly" / "decision.json").read_text())
    assert (decision["decision"], decision["reviewer"]) == ("Approve", "reviewer")
    assert stack.perform("predict_daily", TRAINED, model_as_of="now") == "success"
    account = json.loads((stack.home / "data" / "predictions" / TRAINED / "predictions.json").read_text())
    assert account["model_version"] == decision["version"]


def test_a_failure_is_told_once_with_links_that_open(stack):
    # On that day there was no champion.
    assert stack.perform("predict_daily", DAYS[0]) == "failed"
    (mail,) = stack.mails("predict_daily: predict failed")
    address = re.search(r"Report: (http[^\s<]+)", mail)[1]
    page = address.replace("/plugin/reports/", "/")
    assert page.startswith(f"http://localhost:{stack.settings['AIRFLOW_PORT']}/galley/reports/{DAYS[0]}/")
    status, text = stack.ask(page.replace("localhost", "127.0.0.1"), **stack.token_of("viewer"))
    assert (status, "predict" in text) == (200, True)


def test_a_review_was_asked_for_by_mail(stack):
    (mail,) = stack.mails(f"Put the model of {TRAINED} into production?")
    assert f"http://localhost:{stack.settings['AIRFLOW_PORT']}/dags/train_weekly/runs/" in mail


def test_predictions_that_are_not_there_in_time_are_told_once(stack):
    soon = datetime.now(UTC) - timedelta(hours=6) + timedelta(seconds=20)
    body = {"dag_run_id": "late", "logical_date": soon.isoformat()}
    runs = f"{stack.url('AIRFLOW')}/api/v2/dags/predict_daily/dagRuns"
    status, said = stack.ask(runs, "POST", body, **stack.token_of("admin"))
    assert status == 200, said
    title = f"predict_daily: predictions/{soon:%Y-%m-%d}/predictions.csv is not there"
    stack.wait(lambda: stack.mails(title), "the alert")
    (mail,) = stack.mails(title)
    assert f"http://localhost:{stack.settings['AIRFLOW_PORT']}/dags/predict_daily/runs/late" in mail


@pytest.mark.parametrize("notebook", ["generate_data/01_generate", "train_weekly/01_prepare", "train_weekly/02_split"])
def test_a_notebook_runs_in_jupyterlab_from_top_to_bottom_and_changes_nothing_of_the_schedule(stack, notebook):
    written = [path for path in (stack.home / "data").rglob("*.csv") if path.is_file()]
    before = {path: path.read_bytes() for path in written}
    lab = Lab(stack)
    errors, said = lab.run(f"{notebook}.ipynb")
    assert not errors
    assert f"day {TRAINED} (ds was left at None: the latest day there is)" in said
    assert {path: path.read_bytes() for path in written} == before


def test_what_jupyterlab_saves_has_no_outputs(stack):
    lab = Lab(stack)
    source = stack.home / "notebooks" / "generate_data" / "01_generate.ipynb"
    content = json.loads(source.read_text())
    code = next(cell for cell in content["cells"] if cell["cell_type"] == "code")
    code["outputs"], code["execution_count"] = [{"output_type": "stream", "name": "stdout", "text": "seen"}], 7
    lab.save("generate_data/01_generate.ipynb", content)
    saved = json.loads(source.read_text())
    assert all(cell["outputs"] == [] for cell in saved["cells"] if cell["cell_type"] == "code")
    assert [cell["id"] for cell in saved["cells"]] == [cell["id"] for cell in content["cells"]]


def test_a_backup_brings_back_what_was_lost(stack):
    def make(*words):
        done = subprocess.run(["make", *words], cwd=stack.home, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]

    predictions = stack.home / "data" / "predictions" / TRAINED / "predictions.csv"
    before = predictions.read_bytes()
    make("backup", "TO=backups/test")
    stack.docker("down", "--volumes", "--timeout", "10")
    for name in ("data", "outputs"):
        shutil.rmtree(stack.home / name)
        (stack.home / name).mkdir()
    make("restore", "FROM=backups/test")
    assert predictions.read_bytes() == before
    assert stack.client().run("train_weekly", TRAINED).state == "success"
    # MLflow has its champion, and the stages the password to it.
    predictions.unlink()
    stack.client().clear(stack.client().run("predict_daily", TRAINED), only_failed=False)
    stack.wait(predictions.exists, "predictions by the restored stack")
    assert predictions.read_bytes() == before
