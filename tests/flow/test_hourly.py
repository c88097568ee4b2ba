"""A DAG that runs every hour: two runs of one day, each with its own data, pages, review and decision."""

import json
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
import second_model
from desk import Desk
from second_model import DAG, MODEL, SECOND

from galley.days import Day
from galley.proof.verify import verify

MORNING, LATER = "2026-11-23T0600", "2026-11-23T0700"
DECISIONS = {MORNING: "Reject", LATER: "Approve"}
"""The later one is the challenger."""


@pytest.fixture(scope="module")
def desk(project, registry):
    """Two hours of a day wait for their answers, then each gets its own."""
    second_model.add(project.home, schedule="@hourly")
    desk = Desk.open(
        project.home, project.ports["AIRFLOW"], project.environment | {"MLFLOW_TRACKING_URI": registry.url}
    )
    for ds in DECISIONS:
        desk.trigger(DAG, ds)
    for ds in DECISIONS:
        desk.wait(ds, "approval", "awaiting_input", DAG)
    for ds, option in DECISIONS.items():
        desk.answer(ds, option, f"so it is at {ds}", SECOND, DAG)
    desk.wait(MORNING, "ship", "skipped", DAG)
    desk.wait(LATER, "ship", "success", DAG)
    yield desk
    desk.close()


def page(desk, address):
    """A page of Reports, and the address that it was found at in the end."""
    client = desk.client()
    headers = {"Authorization": f"Bearer {client._token}"}
    with urlopen(Request(f"{client.url}/galley/{address}", headers=headers), timeout=30) as answer:  # noqa: S310 - our own server
        return answer.read().decode(), answer.url


def test_each_hour_has_its_own_pages_and_decision(desk):
    assert sorted(folder.name for folder in desk.settings.outputs.iterdir() if folder.name[:4] == "2026") == [
        MORNING,
        LATER,
    ]
    for ds, option in DECISIONS.items():
        folder = desk.settings.outputs / ds / DAG
        decision = json.loads((folder / "decision.json").read_text())
        assert (decision["decision"], decision["reason"]) == (option, f"so it is at {ds}")
        assert f"data/{MODEL}/processed/{ds}/customers.csv" in decision["digests"]
        assert len(list((folder / "attempts").glob("02_judge.try*.ipynb"))) == 1


def test_each_hour_is_verified_by_its_own_name(desk):
    for ds in DECISIONS:
        assert verify(Day.of(ds, desk.settings)) == []


def test_only_the_approved_hour_is_in_production(desk, registry):
    versions = {
        ds: json.loads((desk.settings.outputs / ds / DAG / "metrics.json").read_text())["judge"]["version"]
        for ds in DECISIONS
    }
    model = registry._get("registered-models/get", name=MODEL)["registered_model"]
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
        links = desk.ask("GET", f"{desk._instance(ds, 'judge', DAG)}/links")["extra_links"]
        assert f"/reports/{ds}/{DAG}/attempts/02_judge.try1.html" in links["Report"]


def test_operators_of_ones_own_are_known_for_what_they_are(desk):
    run_id = desk.client().run(DAG, MORNING).run_id
    for task_id, said in {"approval": "Go to the answer", "ship": "ship ran no notebook"}.items():
        asked = {"dag_id": DAG, "run_id": run_id, "task_id": task_id}
        assert said in page(desk, "tasks?" + urlencode(asked))[0]
