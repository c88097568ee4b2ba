"""Two models in one Airflow and one MLflow, on the same day: neither sees the other's decision, people or evidence."""

import json
import time
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
import second_model
from desk import DAG, Desk, Registry
from second_model import FIRST, MODEL, SECOND

from galley.local.errors import AirflowError
from galley.settings import Settings

DS = "2026-11-23"
BOTH = {"flights-late": (DAG, FIRST), MODEL: (second_model.DAG, SECOND)}


@pytest.fixture(scope="module")
def registry(project):
    second_model.add(project.home)
    registry = Registry(Settings.from_environment(project.environment))
    yield registry
    registry.stop()


@pytest.fixture(scope="module")
def desk(project, registry, receiver):
    """Both models wait for their answers."""
    settings = {
        "GALLEY_ALERT_URLS": f"{receiver.url}/all {MODEL}={receiver.url}/{MODEL}",
        "MLFLOW_TRACKING_URI": registry.url,
    }
    desk = Desk.open(project.home, project.ports["AIRFLOW"], project.environment | settings)
    desk.trigger("generate_data", DS, source="synthetic", rows=400)
    desk.trigger(second_model.DAG, DS)
    desk.wait(DS, "generate", "success", dag="generate_data")
    desk.trigger(DAG, DS, settings={"C": 0.1})
    for dag, _ in BOTH.values():
        desk.wait(DS, "approval", "awaiting_input", dag)
    yield desk
    desk.close()


def champion(registry, model):
    found = registry._get("registered-models/get", name=model)["registered_model"]
    return {alias["alias"]: alias["version"] for alias in found.get("aliases", ())}.get("champion")


def decision(desk, dag):
    return json.loads((desk.settings.outputs / DS / dag / "decision.json").read_text())


def test_only_the_reviewers_of_a_model_may_answer_its_review(desk):
    for model, (dag, _) in BOTH.items():
        other = next(person for name, (_, person) in BOTH.items() if name != model)
        with pytest.raises(AirflowError, match="answered 403"):
            desk.answer_now(DS, "Approve", "it is mine", other, dag)


def test_each_decision_is_about_its_own_model_and_moves_no_other(desk, registry):
    dag, person = BOTH[MODEL]
    desk.answer(DS, "Approve", "churn is fine", person, dag)
    desk.wait(DS, "ship", "success", dag)
    assert (champion(registry, MODEL), champion(registry, "flights-late")) == ("1", None)
    desk.answer(DS, "Reject", "too few rows", FIRST)
    desk.wait(DS, "promote", "skipped")
    assert (champion(registry, MODEL), champion(registry, "flights-late")) == ("1", None)
    found = {model: decision(desk, dag) for model, (dag, _) in BOTH.items()}
    assert {model: (said["decision"], said["reviewer"]) for model, said in found.items()} == {
        "flights-late": ("Reject", FIRST),
        MODEL: ("Approve", SECOND),
    }


def test_a_decision_rests_on_the_evidence_of_its_own_model(desk):
    names = {model: set(decision(desk, dag)["digests"]) for model, (dag, _) in BOTH.items()}
    shared = {"model", "galley.toml"}
    assert names[MODEL] == shared | {
        f"data/churn/processed/{DS}/customers.csv",
        *(f"{stage}.{kind}" for stage in ("01_fit", "02_judge") for kind in ("ipynb", "html")),
    }
    assert names[MODEL] & names["flights-late"] == shared
    assert decision(desk, DAG)["digests"]["model"] != decision(desk, second_model.DAG)["digests"]["model"]


def test_each_team_is_told_of_its_own_model(desk, receiver):
    paths = {}
    for alert in receiver.received:
        paths.setdefault(alert["path"], []).append(alert["title"])
    assert [title for title in paths[f"/{MODEL}"] if "Churn" not in title] == []
    assert len(paths["/all"]) > len(paths[f"/{MODEL}"]) > 0


def test_reports_show_one_model_where_one_is_asked_for(desk):
    client = desk.client()
    pages = {}
    for model in (*BOTH, ""):
        headers = {"Authorization": f"Bearer {client._token}"}
        request = Request(f"{client.url}/galley/reports?model={model}", headers=headers)  # noqa: S310 - our own server
        pages[model] = urlopen(request, timeout=30).read().decode()  # noqa: S310
    shown = {model: {dag for dag, _ in BOTH.values() if f'">{dag}</a>' in page} for model, page in pages.items()}
    assert shown == {"flights-late": {DAG}, MODEL: {second_model.DAG}, "": {DAG, second_model.DAG}}


@pytest.mark.parametrize(("ds", "said"), [("2012-12-31", "before the DAG's start"), ("2100-01-01", "has not come")])
def test_a_run_that_has_nothing_to_run_fails_and_its_note_says_why(desk, ds, said):
    desk.trigger(DAG, ds)
    while (run := desk.client().run(DAG, ds)).state not in ("failed", "success"):
        time.sleep(0.5)
    note = desk.ask("GET", f"dags/{DAG}/dagRuns/{quote(run.run_id, safe='')}")["note"]
    assert run.state == "failed"
    assert note.startswith("Nothing was done: ")
    assert said in note
