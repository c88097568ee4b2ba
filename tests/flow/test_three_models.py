"""The example and those of examples/ in one Airflow and one MLflow: a week of each, and none sees another's matters."""

import json
import re
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from desk import DAG, Desk, Registry

from galley.local import ports
from galley.local.errors import AirflowError
from galley.settings import Settings

HOME = Path(__file__).parents[2]
DS = "2026-11-16"
DAYS = [f"2026-11-{number}" for number in range(11, 17)]
EXAMPLES = {"flight-minutes": "grace", "flight-arrivals": "edith"}
PEOPLE = {"flights-late": "ada", **EXAMPLES}
"""Who may answer the review of each model."""
OWN = """


class OwnNotebook(NotebookOperator):
    pass


class OwnReview(ReviewOperator):
    pass


with DAG"""
"""What a team has that adds something to our operators, in the DAG of one of the models."""
IMPORTS = """

from airflow.providers.apprise.notifications.apprise import AppriseNotifier
from airflow.sdk import DAG
from apprise import NotifyType"""
TOLD = """approval = ReviewOperator(
        notifiers=AppriseNotifier(
            title="{{ task.subject }}",
            body="{{ task.form_url }}",
            notify_type=NotifyType.INFO,
            apprise_conn_id="minutes_night",
        ),
        """
"""What a team says that has a notifier of Airflow's tell it of its reviews."""


def dag_of(model, what="train"):
    return DAG if model == "flights-late" else f"{model.replace('-', '_')}_{what}"


@pytest.fixture(scope="module")
def registry(project):
    """What examples/README.md says is done in the project; and each model has a reviewer of its own."""
    (project.home / "examples").symlink_to(HOME / "examples")
    for command in re.findall(r"^    ((?:cat|cp) .+)", (HOME / "examples/README.md").read_text(), re.MULTILINE):
        subprocess.run(command, cwd=project.home, shell=True, check=True)  # noqa: S602 - a command of ours
    for file in (project.home / "dags").glob("flight_minutes_*.py"):
        text = re.sub(r'mlflow_conn_id="\w+"', 'mlflow_conn_id="minutes_mlflow"', file.read_text())
        text = text.replace(
            "default_args=DEFAULT_ARGS", 'default_args=DEFAULT_ARGS | {"mlflow_conn_id": "minutes_mlflow"}'
        )
        file.write_text(text)
    train = project.home / "dags" / "flight_minutes_train.py"
    text = (
        train.read_text()
        .replace("approval = ReviewOperator(", TOLD)
        .replace("\n\nfrom airflow.sdk import DAG", IMPORTS)
    )
    train.write_text(re.sub(r"(Notebook|Review)Operator\(", r"Own\1(", text).replace("\n\nwith DAG", OWN))
    with (project.home / "galley.toml").open("a") as declared:
        declared.writelines(f'[models.{model}.policy]\nreviewers = ["{who}"]\n' for model, who in PEOPLE.items())
    registry = Registry(Settings.from_environment(project.environment))
    yield registry
    registry.stop()


@pytest.fixture(scope="module")
def minutes_registry(project, registry):
    """An MLflow of the team that has flight-minutes, which its DAGs know by a connection of Airflow's alone."""
    own = {"GALLEY_MLFLOW_PORT": str(ports.free()), "GALLEY_DATA": str(project.home / "minutes")}
    registry = Registry(Settings.from_environment(project.environment | own))
    yield registry
    registry.stop()


@pytest.fixture(scope="module")
def desk(project, registry, minutes_registry, receiver):
    """All models wait for their answers."""
    connections = {
        "MINUTES_MLFLOW": {"conn_type": "http", "host": minutes_registry.url},
        "MINUTES_NIGHT": {"conn_type": "apprise", "extra": {"config": [{"path": f"{receiver.url}/minutes"}]}},
        "ARRIVALS_NIGHT": {"conn_type": "apprise", "extra": {"config": [{"path": f"{receiver.url}/flight-arrivals"}]}},
    }
    settings = {
        "GALLEY_ALERT_URLS": f"{receiver.url}/all flight-arrivals=arrivals_night",
        "MLFLOW_TRACKING_URI": registry.url,
        "PYTHONPATH": str(project.home / "src"),
        **{f"AIRFLOW_CONN_{name}": json.dumps(connection) for name, connection in connections.items()},
    }
    desk = Desk.open(project.home, project.ports["AIRFLOW"], project.environment | settings)
    desk.trigger("generate_data", DS, source="synthetic", rows=400)
    for model in EXAMPLES:
        for ds in DAYS:
            desk.trigger(dag_of(model, "generate"), ds)
    desk.wait(DS, "generate", "success", dag="generate_data")
    desk.trigger(DAG, DS, settings={"C": 0.1})
    for model in EXAMPLES:
        for ds in DAYS:
            desk.wait(ds, "generate", "success", dag_of(model, "generate"))
        desk.trigger(dag_of(model), DS)
    for model in PEOPLE:
        desk.wait(DS, "approval", "awaiting_input", dag_of(model))
    yield desk
    desk.close()


def champions(*registries):
    """The version of each model that is in production; each model is in one registry."""
    found = [
        model for registry in registries for model in registry._get("registered-models/search")["registered_models"]
    ]
    assert sorted(model["name"] for model in found) == sorted(PEOPLE)
    return {
        model["name"]: alias["version"]
        for model in found
        for alias in model.get("aliases", ())
        if alias["alias"] == "champion"
    }


def left(desk, model, name):
    return json.loads((desk.settings.outputs / DS / dag_of(model) / name).read_text())


def test_only_the_reviewers_of_a_model_may_answer_its_review(desk):
    for model in PEOPLE:
        for other in PEOPLE.keys() - {model}:
            with pytest.raises(AirflowError, match="answered 403"):
                desk.answer_now(DS, "Approve", "it is mine", PEOPLE[other], dag_of(model))


@pytest.mark.parametrize("model", EXAMPLES)
def test_the_week_of_an_example_deserves_its_approval(desk, model):
    review = left(desk, model, "metrics.json")["review"]
    assert [name for name, passed in review["checks"].items() if not passed] == []
    assert review["verdict"] == "approve"


def test_each_decision_is_about_its_own_model_and_moves_no_other(desk, registry, minutes_registry):
    promoted = {}
    for model, person in EXAMPLES.items():
        desk.answer(DS, "Approve", f"{model} is fine", person, dag_of(model))
        desk.wait(DS, "promote", "success", dag_of(model))
        promoted[model] = "1"
        assert champions(registry, minutes_registry) == promoted
    desk.answer(DS, "Reject", "too few rows", PEOPLE["flights-late"])
    desk.wait(DS, "promote", "skipped")
    assert champions(registry, minutes_registry) == promoted
    said = {model: left(desk, model, "decision.json") for model in PEOPLE}
    assert {model: decision["reviewer"] for model, decision in said.items()} == PEOPLE
    assert [model for model, decision in said.items() if decision["decision"] == "Approve"] == [*EXAMPLES]


def test_operators_of_ones_own_are_known_for_what_they_are(desk):
    dag_id = dag_of("flight-minutes")
    run_id = desk.client().run(dag_id, DS).run_id
    for task_id, said in {"approval": "Go to the answer", "promote": "06_promote"}.items():
        status, page = desk.page(f"tasks?dag_id={dag_id}&run_id={run_id}&task_id={task_id}")
        assert status == 200
        assert said in page


def test_a_decision_rests_on_the_evidence_of_its_own_model(desk):
    digests = {model: left(desk, model, "decision.json")["digests"] for model in PEOPLE}
    files = {model: [name for name in names if name.startswith("data/")] for model, names in digests.items()}
    assert files == {
        "flights-late": [f"data/processed/{DS}/val.csv"],
        **{model: [f"data/{model}/processed/{DS}/val.csv"] for model in EXAMPLES},
    }
    assert len({names["model"] for names in digests.values()}) == len(PEOPLE)


def test_each_example_predicts_the_day_with_what_was_approved(desk):
    for model in EXAMPLES:
        desk.trigger(dag_of(model, "predict"), DS, model_as_of="now")
    for model in EXAMPLES:
        desk.wait(DS, "predict", "success", dag_of(model, "predict"))
    folders = {model: desk.settings.data / model / "predictions" / DS for model in EXAMPLES}
    accounts = {model: json.loads((folder / "predictions.json").read_text()) for model, folder in folders.items()}
    assert {model: account["model_version"] for model, account in accounts.items()} == dict.fromkeys(EXAMPLES, "1")
    rows = {model: (folder / "predictions.csv").read_text().splitlines() for model, folder in folders.items()}
    assert {model: lines[0] for model, lines in rows.items()} == {
        "flight-minutes": "id,prediction",
        "flight-arrivals": "id,prediction,probability_early,probability_late,probability_on_time",
    }


def test_each_team_is_told_of_its_own_model(desk, receiver):
    paths = {}
    for alert in receiver.received:
        paths.setdefault(alert["path"], []).append(alert["title"])
    assert [title for title in paths["/flight-arrivals"] if "flight-arrivals" not in title] == []
    assert len(paths["/all"]) > len(paths["/flight-arrivals"]) > 0


def test_a_review_tells_people_by_a_notifier_of_airflows_and_its_connection_too(desk, receiver):
    told = [alert for alert in receiver.received if alert["path"] == "/minutes"]
    assert [alert["title"] for alert in told] == [f"Put flight-minutes of {DS} into production?"]
    page = f"/dags/{dag_of('flight-minutes')}/runs/{quote(desk.client().run(dag_of('flight-minutes'), DS).run_id)}"
    assert page in told[0]["message"]


def test_the_stages_of_a_dag_use_the_mlflow_that_its_connection_names(registry, minutes_registry):
    names = [
        {model["name"] for model in one._get("registered-models/search")["registered_models"]}
        for one in (registry, minutes_registry)
    ]
    assert names == [PEOPLE.keys() - {"flight-minutes"}, {"flight-minutes"}]


def test_reports_show_one_model_where_one_is_asked_for(desk):
    shown = {}
    for model in (*PEOPLE, ""):
        _, page = desk.page(f"reports?model={model}")
        shown[model] = {one for one in PEOPLE if f'">{dag_of(one)}</a>' in page}
    assert shown == {**{model: {model} for model in PEOPLE}, "": {*PEOPLE}}


@pytest.mark.parametrize(("ds", "said"), [("2012-12-31", "before the DAG's start"), ("2100-01-01", "has not come")])
def test_a_run_that_has_nothing_to_run_fails_and_its_note_says_why(desk, ds, said):
    desk.trigger(DAG, ds)
    while (run := desk.client().run(DAG, ds)).state not in ("failed", "success"):
        time.sleep(0.5)
    note = desk.ask("GET", f"dags/{DAG}/dagRuns/{quote(run.run_id, safe='')}")["note"]
    assert run.state == "failed"
    assert note.startswith("Nothing was done: ")
    assert said in note
