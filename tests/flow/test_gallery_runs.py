"""The gallery of example DAGs, each run by a real scheduler; hourly.py has two runs of one day, each for itself."""

import json
import time
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from desk import PATIENCE, Desk
from projects import ROOT, copy_of

from galley.days import Day
from galley.proof.verify import verify

DAG, USER = "hourly", "reviewer"
MORNING, LATER = "2026-11-23T0600", "2026-11-23T0700"
DECISIONS = {MORNING: "Reject", LATER: "Approve"}
"""The later one is the challenger."""
DS, BEFORE = "2026-11-23", "2026-11-16"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    with copy_of(ROOT / "examples/gallery", tmp_path_factory.mktemp("gallery")) as project:
        yield project


@pytest.fixture(scope="module")
def desk(project, registry):
    """All of the gallery, with the answers that it asks for: two hours of a day each get their own."""
    desk = Desk.open(
        project.home, project.ports["AIRFLOW"], project.environment | {"MLFLOW_TRACKING_URI": registry.url}
    )
    for dag in ("one_notebook", "mapped", "review_before_any_task", "branch_on_verdict"):
        desk.trigger(dag, DS)
    desk.trigger("branch_on_verdict", BEFORE, least=1.0)
    desk.ask("POST", "dags/asset_triggered/dagRuns", {"dag_run_id": "without", "logical_date": None})
    for ds in DECISIONS:
        desk.trigger(DAG, ds)
    for ds in DECISIONS:
        desk.wait(ds, "approval", "awaiting_input", DAG)
    for ds, option in DECISIONS.items():
        desk.answer(ds, option, f"so it is at {ds}", USER, DAG)
    for dag in ("review_before_any_task", "branch_on_verdict"):
        desk.answer(DS, "Approve", "good enough", USER, dag)
    desk.wait(MORNING, "promote", "skipped", DAG)
    desk.wait(LATER, "promote", "success", DAG)
    desk.trigger("two_models", DS)
    yield desk
    desk.close()


def concluded(desk, dag, ds=DS):
    """What the stages of a DAG's run concluded, once it has succeeded."""
    deadline = time.monotonic() + PATIENCE
    while (run := desk.client().run(dag, ds)).state != "success":
        assert run.state != "failed", f"{dag}: {[(task.task_id, task.state) for task in run.tasks]}"
        assert time.monotonic() < deadline, f"{dag} is {run.state}"
        time.sleep(0.5)
    return json.loads((desk.settings.outputs / ds / dag / "metrics.json").read_text())


def test_a_notebook_needs_neither_a_model_nor_a_person(desk):
    assert concluded(desk, "one_notebook") == {"report": {"letters": 35, "answered": 9}}


def test_a_mapped_notebook_leaves_a_report_for_each_value(desk):
    said = concluded(desk, "mapped")
    assert {each["region"]: each["letters"] for each in said.values()} == {"north": 7, "south": 5}


def test_a_run_without_a_logical_date_is_of_the_day_on_which_it_was_triggered(desk):
    path = "dags/asset_triggered/dagRuns/without"
    deadline = time.monotonic() + PATIENCE
    while (run := desk.ask("GET", path))["state"] != "success":
        assert run["state"] != "failed"
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert (desk.settings.outputs / run["run_after"][:10] / "asset_triggered/01_report.html").is_file()


def test_any_task_goes_on_after_an_approval(desk):
    desk.wait(DS, "deliver", "success", "review_before_any_task")


def test_a_person_is_asked_where_the_verdict_is_not_against_and_only_there(desk):
    assert concluded(desk, "branch_on_verdict")["review"]["verdict"] == "approve"
    assert concluded(desk, "branch_on_verdict", BEFORE)["review"]["verdict"] == "against"
    tasks = {
        ds: {task.task_id: task.state for task in desk.client().run("branch_on_verdict", ds).tasks}
        for ds in (DS, BEFORE)
    }
    assert (tasks[DS]["approval"], tasks[DS]["leave_it"]) == ("success", "skipped")
    assert (tasks[BEFORE]["approval"], tasks[BEFORE]["leave_it"]) == ("skipped", "success")


def test_each_task_is_about_the_model_that_it_names(desk):
    said = {each["model"]: each["champion"] for each in concluded(desk, "two_models").values()}
    assert said == {"hourly": concluded(desk, DAG, LATER)["promote"]["version"], "parcels": "none"}


def page(desk, address):
    """A page of Reports, and the address that it was found at in the end."""
    client = desk.client()
    headers = {"Authorization": f"Bearer {client._token}"}
    with urlopen(Request(f"{client.url}/galley/{address}", headers=headers), timeout=30) as answer:  # noqa: S310 - our own server
        return answer.read().decode(), answer.url


def test_each_hour_has_its_own_pages_and_decision(desk):
    assert sorted(path.parent.name for path in desk.settings.outputs.glob(f"2026-11-23T*/{DAG}")) == [MORNING, LATER]
    for ds, option in DECISIONS.items():
        folder = desk.settings.outputs / ds / DAG
        decision = json.loads((folder / "decision.json").read_text())
        assert (decision["decision"], decision["reason"]) == (option, f"so it is at {ds}")
        assert f"data/{DAG}/processed/{ds}/tickets.csv" in decision["digests"]
        assert len(list((folder / "attempts").glob("02_review.try*.ipynb"))) == 1


def test_each_hour_is_verified_by_its_own_name(desk):
    for ds in DECISIONS:
        assert verify(Day.of(ds, desk.settings)) == []


def test_only_the_approved_hour_is_in_production(desk, registry):
    versions = {
        ds: json.loads((desk.settings.outputs / ds / DAG / "metrics.json").read_text())["review"]["version"]
        for ds in DECISIONS
    }
    model = registry._get("registered-models/get", name=DAG)["registered_model"]
    assert [alias["version"] for alias in model["aliases"] if alias["alias"] == "champion"] == [str(versions[LATER])]


def test_the_listing_has_a_line_for_each_hour_of_the_day(desk):
    listing, _ = page(desk, "reports")
    assert listing.count('<time datetime="2026-11-23">') == 1
    for ds in DECISIONS:
        assert f'/galley/reports/{ds}/{DAG}">{DAG} {ds[10:]}</a>' in listing


def test_the_tab_of_a_run_and_the_links_of_its_tasks_lead_to_its_own_hour(desk):
    for ds in DECISIONS:
        run_id = desk.client().run(DAG, ds).run_id
        _, tab = page(desk, "runs?" + urlencode({"dag_id": DAG, "run_id": run_id}))
        assert f"/reports/{ds}/{DAG}/" in tab
        links = desk.ask("GET", f"{desk._instance(ds, 'review', DAG)}/links")["extra_links"]
        assert f"/reports/{ds}/{DAG}/attempts/02_review.try1.html" in links["Report"]
