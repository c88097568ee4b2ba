"""Reports in Airflow's own application: who may read them, what is shown, and what hostile notebooks come to."""

import ctypes
import hashlib
import html
import os
import re
import threading
import time
import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from types import SimpleNamespace

import nbformat
import pytest

from galley.notebooks.render import render
from galley.proof.chain import Chain
from galley.proof.decision import deadline_in_words
from galley.proof.keys import SigningKey, TrustedKeys, trust
from galley.proof.statements import Decided, Digest, File, Task
from galley.reports import listing
from galley.run.attempts import Attempts
from galley.storage import files

MODEL = "flights-late"
DS, BEFORE, DAG, RUN = "2026-11-23", "2026-11-16", "train_weekly", "manual__2026-11-23T00:00:00+00:00"
ASKED = f"The review.\n\n{deadline_in_words('2026-11-29T08:00:00.000000Z')}\n\nBetter."
PEOPLE = [{"id": name, "name": name} for name in ("ada", "grace")]
HOSTILE = """<script>fetch("/api/v2/dags", {method: "PATCH"})</script><img src=x onerror=alert(1)>
<meta http-equiv=refresh content="0;url=//example.org"><form action=/api/v2/x method=post><button>go</button></form>
<svg onload=alert(1)><script>alert(1)</script></svg><a href="javascript:alert(1)">x</a>
<iframe src=//example.org></iframe><a href="../../../../api/v2/dags" target=_top>relative link</a>
<base href=//example.org><link rel=stylesheet href=//example.org/x.css><object data=//example.org></object>"""


@pytest.fixture(scope="module")
def core(tmp_path_factory):
    """Airflow's application with the plugin in it, on an empty database with one run, and the folder of that."""
    from airflow import settings
    from airflow.api_fastapi.app import create_app, purge_cached_app
    from airflow.utils import db

    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"sqlite:///{folder}/airflow.db")
        patch.setenv("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE", str(folder / "passwords.json"))
        patch.setenv(
            "AIRFLOW__API_AUTH__JWT_SECRET", "a secret of these tests, of more than sixty-four bytes, as HS512 wants"
        )
        settings.dispose_orm(do_log=False)
        settings.configure_vars()
        settings.configure_orm()
        db.initdb()
        write_run()
        purge_cached_app()
        yield SimpleNamespace(app=create_app(apps="core"), folder=folder)
    settings.dispose_orm(do_log=False)
    settings.configure_vars()
    settings.configure_orm()


@pytest.fixture(scope="module", params=["disk", "bucket"])
def home(request, core, tmp_path_factory):
    """A folder with outputs beside Airflow's own files, or one whose outputs are in a bucket."""
    if request.param == "disk":
        return SimpleNamespace(folder=core.folder, outputs=core.folder / "outputs")
    request.getfixturevalue("store")
    outputs = files.path_of(f"s3://galley/{uuid.uuid4().hex}")
    return SimpleNamespace(folder=tmp_path_factory.mktemp("home"), outputs=outputs)


@pytest.fixture(scope="module")
def airflow(core, home):
    """Airflow's application, in which the plugin's begins anew with these outputs."""
    from galley.airflow.plugin import GalleyPlugin

    now = 0

    async def asked(scope, receive, send):
        nonlocal now
        now += 1  # in use, names in a bucket may be half a second old; a test reads what it has just written
        await core.app(scope, receive, send)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GALLEY_OUTPUTS", str(home.outputs))
        patch.setenv("GALLEY_NOTEBOOKS", str(home.folder / "notebooks"))
        patch.setenv("GALLEY_KEYS", str(home.folder / "keys"))
        patch.setenv("GALLEY_LAB_URL", "http://localhost:8888")
        patch.setattr(GalleyPlugin.fastapi_apps[0]["app"], "_app", None)
        patch.setattr(listing, "time", SimpleNamespace(monotonic=lambda: now, time_ns=time.time_ns))
        yield asked


def write_run():
    """A run whose stages ran, with a task that is not a notebook and a review that waits."""
    from airflow.models.dagrun import DagRun
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import insert, select

    when = datetime(2026, 11, 23, tzinfo=UTC)
    kinds = {
        "prepare": "NotebookOperator",
        "split": "NotebookOperator",
        "wait": "FilesSensor",
        "approval": "ReviewOperator",
        "record": "NotebookOperator",
        "promote": "NotebookOperator",
    }
    states = {"approval": "awaiting_input", "record": "scheduled", "promote": "skipped"}
    with create_session() as session:
        session.add(DagRun(DAG, RUN, logical_date=when, run_after=when, run_type="manual"))
        session.add(DagRun("other", "o1", logical_date=when, run_after=when, run_type="manual"))
        session.flush()
        for task_id, kind in kinds.items():
            values = {
                "task_id": task_id,
                "dag_id": DAG,
                "run_id": RUN,
                "map_index": -1,
                "operator": kind,
                "pool": "default_pool",
            }
            state = states.get(task_id, "success")
            session.execute(insert(TaskInstance).values(**values, pool_slots=1, state=state, try_number=1, max_tries=0))
        waiting = session.scalar(select(TaskInstance.id).where(TaskInstance.task_id == "approval"))
        form = {"options": ["Approve", "Reject"], "subject": "?", "body": ASKED, "params": {}, "assignees": PEOPLE}
        session.add(HITLDetail(ti_id=waiting, **form))


@pytest.fixture(scope="module")
def client(airflow):
    """Someone who may read every DAG."""
    return client_of(airflow, "VIEWER")


def client_of(airflow, role):
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from fastapi.testclient import TestClient

    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="ada", role=role))
    return TestClient(airflow, cookies={"_token": token}, base_url="http://localhost", follow_redirects=True)


def run(home, name, state="completed", outputs=(), ds=DS, dag_id=DAG, map_index=-1, cell=None, **asked):
    """Keep one more attempt of a stage as `galley.run.execute` does."""
    cells = [
        nbformat.v4.new_markdown_cell("# A stage"),
        nbformat.v4.new_code_cell("print()", outputs=list(outputs), metadata={"papermill": {"status": "completed"}}),
        nbformat.v4.new_code_cell("more()"),
    ]
    node = nbformat.v4.new_notebook(cells=cells)
    kept = Attempts(home.outputs / ds / dag_id, name)
    task_id = re.sub(r"^\d+_|\.m\d+$", "", name)
    node.metadata.galley = {
        "end": {"state": state, "message": "<b>why</b>", "cell": cell},
        "run": {"dag_id": dag_id, "run_id": RUN, "task_id": task_id, "map_index": map_index, "ds": ds},
        "parameters": {"ds": ds, **asked},
        "record_sha256": f"{name} {time.monotonic_ns()}",
        "started": f"{ds}T01:02:03.000+00:00",
        "seconds": 61.2,
    }
    with kept.exclusive():
        number = kept.begin(node)
        kept.save(number, node)
        if state not in ("running", "interrupted"):
            kept.save_page(number, render(node, "title"))
        if state == "completed":
            kept.publish(number)
    return number


@pytest.fixture(scope="module", autouse=True)
def outputs(home):
    """A week of reports."""
    run(home, "01_prepare", ds=BEFORE, outputs=[nbformat.v4.new_output("stream", text="10 rows\n")])
    run(home, "01_prepare", "failed", cell=1)
    run(home, "01_prepare", outputs=[nbformat.v4.new_output("stream", text="12 rows\n")], train_days=28)
    html_output = nbformat.v4.new_output("display_data", data={"text/html": HOSTILE, "image/svg+xml": HOSTILE})
    only_html = nbformat.v4.new_output("display_data", data={"text/html": HOSTILE})
    run(home, "02_split", "failed", outputs=[html_output, only_html], cell=1, note="<script>alert(1)</script>")
    run(home, "03_train.m0", map_index=0)
    run(home, "03_train.m1", "interrupted", map_index=1)
    run(home, "01_generate", dag_id="generate_data")
    moved = {"version": "7", "previous_version": None}
    files.write_json(home.outputs / BEFORE / DAG / "metrics.json", {"validate": {"roc_auc": 0.7}})
    files.write_json(home.outputs / DS / DAG / "metrics.json", {"validate": {"roc_auc": 0.75}, "promote": moved})
    decision = {"decision": "Reject", "reviewer": "<i>ada</i>", "reason": '"><script>alert(1)</script>'}
    files.write_json(home.outputs / BEFORE / DAG / "decision.json", decision)
    approve(home, "6")
    approve(home, "7", champion="6")


def approve(home, version, champion=None):
    """A signed approval of the day's model, instead of the champion."""
    key, keys = SigningKey.generate(), home.folder / "keys"
    trust(key, keys, "tests")
    page = File.of(f"outputs/{DS}/{DAG}/01_prepare.html", home.outputs / DS / DAG / "01_prepare.html")
    decided = Decided.of(
        model=MODEL,
        version=version,
        ds=DS,
        decision="Approve",
        person="<i>ada</i>",
        reason="<script>alert(1)</script>",
        asked_at=f"{DS}T08:00:00.000000Z",
        answered_at=f"{DS}T09:00:00.000000Z",
        task=Task(dag=DAG, run=RUN, task="approval", number=1),
        form=Digest.of(b"form"),
        reports=(page,),
        champion=champion,
        policy={},
    )
    chain = Chain.of(home.outputs, MODEL)
    chain.append((page,), decided, key, TrustedKeys.read(keys))


PAGES = [
    "/galley/reports",
    f"/galley/models/{MODEL}",
    f"/galley/reports/{DS}/{DAG}/01_prepare.html",
    f"/galley/files/{DS}/{DAG}/01_prepare.html",
    f"/galley/files/{DS}/{DAG}/01_prepare.ipynb",
    f"/galley/live/{DS}/{DAG}/01_prepare.html",
    f"/galley/progress/{DS}/{DAG}/01_prepare.html",
    f"/galley/compare/{DS}/{DAG}/01_prepare",
    f"/galley/runs?dag_id={DAG}&run_id={RUN.replace('+', '%2B')}",
    f"/galley/tasks?dag_id={DAG}&run_id={RUN.replace('+', '%2B')}&task_id=prepare",
    "/galley/how-to-review",
    "/galley/static/reports.js",
]


@pytest.mark.parametrize("address", PAGES)
def test_a_reader_of_the_dag_gets_every_page(client, address):
    assert client.get(address).status_code == HTTPStatus.OK


@pytest.mark.parametrize("address", PAGES)
def test_nobody_gets_a_page_without_a_session(airflow, address):
    from fastapi.testclient import TestClient

    answer = TestClient(airflow).get(address)
    assert answer.status_code == HTTPStatus.UNAUTHORIZED
    assert DAG not in answer.text


@pytest.mark.parametrize("address", [page for page in PAGES if DAG in page or MODEL in page])
def test_a_stranger_to_the_dag_is_refused(airflow, address):
    assert client_of(airflow, None).get(address).status_code == HTTPStatus.FORBIDDEN


def test_a_stranger_to_the_dag_finds_nothing_of_it_in_the_listing(airflow):
    answer = client_of(airflow, None).get("/galley/reports")
    assert DAG not in answer.text
    assert "in production" not in answer.text


def test_the_session_of_an_api_client_serves_too(airflow, client):
    from fastapi.testclient import TestClient

    token = client.cookies["_token"]
    answer = TestClient(airflow).get("/galley/reports", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == HTTPStatus.OK


@pytest.mark.parametrize("kind", ["files", "live"])
def test_a_page_that_the_browser_has_is_not_sent_again(airflow, kind):
    address, reader = f"/galley/{kind}/{DS}/{DAG}/01_prepare.html", client_of(airflow, "viewer")
    has = {"If-None-Match": f"W/{reader.get(address).headers['ETag']}"}
    again = reader.get(address, headers=has)
    assert (again.status_code, again.content) == (HTTPStatus.NOT_MODIFIED, b"")
    reader.cookies["galley_theme"] = "dark"
    assert reader.get(address, headers=has).status_code == HTTPStatus.OK
    assert client_of(airflow, None).get(address, headers=has).status_code == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("address", ["/galley/docs", "/galley/redoc", "/galley/openapi.json"])
def test_the_application_does_not_describe_itself(client, address):
    assert client.get(address).status_code == HTTPStatus.NOT_FOUND


def test_the_listing_shows_days_with_stages_headline_and_decision(client):
    page = client.get("/galley/reports").text
    assert re.findall(r'<time datetime="([\d-]+)">', page) == [DS, BEFORE]
    chips = re.findall(r'class="chip ([\w-]+)"[^>]*>([\w.]+)<', page)
    assert chips[:2] == [("accepted", "generate"), ("accepted", "prepare")]
    assert ("failed", "split") in chips
    assert ("interrupted", "train.m1") in chips
    assert ("awaiting-review", "approval") in chips
    assert 'aria-label="validate.roc_auc over 2 days, now 0.75"' in page
    assert "&lt;i&gt;ada&lt;/i&gt;, not signed</span>" in page  # by decision.json alone


def test_the_listing_begins_with_what_is_in_production_and_by_whose_decision(client):
    page = client.get("/galley/reports").text
    (strip,) = re.findall(r'<section class="production".*?</section>', page, re.DOTALL)
    assert "version 7</span> is in production by" in strip
    assert f'href="/galley/reports/{DS}/{DAG}/01_prepare.html">&lt;i&gt;ada&lt;/i&gt;' in strip
    assert "of 2026-11-23 09:00 UTC" in strip
    assert f'href="/galley/models/{MODEL}"' in strip
    assert 'aria-label="validate.roc_auc over 2 days, now 0.75"' in strip


def test_a_model_that_predicted_and_that_nobody_decided_on_is_said_beside_what_is_in_production(home, client):
    def strip():
        (found,) = re.findall(
            r'<section class="production".*?</section>', client.get("/galley/reports").text, re.DOTALL
        )
        return found

    assert "not by a recorded decision" not in strip()
    run(home, "01_predict", ds=BEFORE, dag_id="predict_daily")
    metrics = home.outputs / BEFORE / "predict_daily" / "metrics.json"
    files.write_json(metrics, {"predict": {"model_decision": "not by a recorded decision"}})
    assert f"not by a recorded decision</span>: the model that predicted {BEFORE}" in strip()
    files.write_json(metrics, {"predict": {"model_decision": "1:" + "a" * 64}})


def test_the_page_of_a_model_has_its_decisions_and_its_metric_over_all_days(client):
    page = client.get(f"/galley/models/{MODEL}").text
    assert re.findall(r"<title>([\d-]+: [\d.]+)</title>", page) == [f"{BEFORE}: 0.7", f"{DS}: 0.75"]
    (row,) = re.findall(r"<tbody>.*?</tbody>", page, re.DOTALL)
    assert "Approve</a> by &lt;i&gt;ada&lt;/i&gt;, 2026-11-23 09:00 UTC" in row
    assert "&lt;script&gt;alert(1)" in row
    assert "in production" in row


def test_a_metric_that_was_always_the_same_has_one_line_in_its_chart_and_no_scale(home, client):
    def ticks():
        return re.findall(r'text-anchor="end">([\d.]+)</text>', client.get(f"/galley/models/{MODEL}").text)

    metrics = home.outputs / BEFORE / DAG / "metrics.json"
    assert ticks()[::4] == ["0.7", "0.75"]
    files.write_json(metrics, {"validate": {"roc_auc": 0.75}})
    assert ticks() == ["0.75"]
    files.write_json(metrics, {"validate": {"roc_auc": 0.7}})


def test_a_version_that_was_replaced_has_a_way_back_for_whoever_may_trigger_the_rollback(airflow):
    of_user, of_viewer = (client_of(airflow, role).get(f"/galley/models/{MODEL}").text for role in ("user", "viewer"))
    assert re.findall(r'<input name="version" value="(\d+)"', of_user) == ["6"]
    assert 'data-runs="/api/v2/dags/rollback_model/dagRuns"' in of_user
    assert "replaced by version 7" in of_viewer
    assert "<input" not in of_viewer


@pytest.mark.parametrize("name", ["other", "%2e%2e", "flights-late%2F.."])
def test_a_model_that_is_not_declared_has_no_page(client, name):
    assert client.get(f"/galley/models/{name}").status_code == HTTPStatus.NOT_FOUND


def test_a_prediction_by_a_model_that_nobody_decided_on_says_so_in_the_listing_and_above_its_report(home, client):
    said, dag_id = "not by a recorded decision", "weekend"
    for ds, decision in ((BEFORE, "3:" + "a" * 64), (DS, said)):
        run(home, "01_predict", ds=ds, dag_id=dag_id)
        files.write_json(home.outputs / ds / dag_id / "metrics.json", {"predict": {"model_decision": decision}})
    listed = client.get("/galley/reports", params={"dag": dag_id}).text
    marked = {line.count(f">{said}<") for line in listed.split('<li class="line">') if f"/{DS}/{dag_id}" in line}
    assert (marked, listed.count(f">{said}<")) == ({1}, 1)
    pages = [client.get(f"/galley/reports/{ds}/{dag_id}/01_predict.html").text for ds in (BEFORE, DS)]
    assert [f">{said}<" in page for page in pages] == [False, True]


def test_the_listing_can_be_filtered(client):
    page = client.get("/galley/reports", params={"state": "failed", "dag": DAG}).text
    assert re.findall(r'<time datetime="([\d-]+)">', page) == [DS]
    assert client.get("/galley/reports", params={"state": "killed"}).text.count("<time") == 0


@pytest.mark.parametrize(
    ("text", "found"),
    [("script alert(1)", [DS, BEFORE]), ("version", []), ("approve ADA", [DS]), (f"{BEFORE} reject", [BEFORE])],
)
def test_the_listing_is_searched_by_words_of_what_it_shows(client, text, found):
    page = client.get("/galley/reports", params={"text": text}).text
    assert re.findall(r'<time datetime="([\d-]+)">', page) == found
    assert f'value="{text}"' in page


def test_a_stage_has_its_neighbours_attempts_and_downloads(client):
    page = client.get(f"/galley/reports/{DS}/{DAG}/01_prepare.html").text
    assert re.findall(r"(attempt \d) <span class=\"state ([\w-]+)\"", page) == [
        ("attempt 2", "accepted"),
        ("attempt 1", "failed"),
    ]
    assert f'rel="prev" href="/galley/reports/{BEFORE}/{DAG}/01_prepare.html"' in page
    assert f'src="/galley/files/{DS}/{DAG}/01_prepare.html"' in page
    assert f"/galley/files/{DS}/{DAG}/01_prepare.ipynb?download=1" in page
    assert "Answer the review" in page
    assert hashlib.sha256(f"?\n\n{ASKED}".encode()).hexdigest() in page


def test_reports_say_who_decides_and_until_when(client):
    said = "for ada, grace to decide, by 2026-11-29 08:00 UTC"
    assert said in client.get("/galley/reports").text
    assert said in client.get(f"/galley/reports/{DS}/{DAG}/01_prepare.html").text


def test_the_how_to_of_a_review_is_a_page_of_its_own_for_everybody_with_a_session(airflow):
    page = client_of(airflow, None).get("/galley/how-to-review").text
    assert re.findall(r"<h2 [^>]*>([^<]+)<", page) == ["The question", "The page", "How to decide", "After the answer"]
    assert "<strong>Who would be hurt?</strong>" in page


def test_a_failed_attempt_leads_to_the_cell_that_ended_it(client):
    page = client.get(f"/galley/reports/{DS}/{DAG}/attempts/01_prepare.try1.html").text
    assert f'href="/galley/files/{DS}/{DAG}/attempts/01_prepare.try1.html#cell-2"' in page
    assert 'id="cell-2"' in client.get(f"/galley/files/{DS}/{DAG}/attempts/01_prepare.try1.html").text


@pytest.mark.parametrize(("kind", "mime"), [("ipynb", "application/x-ipynb+json"), ("html", "text/html")])
def test_a_report_can_be_kept(client, kind, mime):
    answer = client.get(f"/galley/files/{DS}/{DAG}/attempts/01_prepare.try2.{kind}?download=1")
    assert answer.headers["content-type"].startswith(mime)
    assert answer.headers["content-disposition"] == f'attachment; filename="{DS}_{DAG}_01_prepare.try2.{kind}"'


def test_two_days_are_compared_by_parameters_and_outputs(client):
    page = client.get(f"/galley/compare/{DS}/{DAG}/01_prepare").text
    assert '<tr class="changed"><td>10 rows</td><td>12 rows</td></tr>' in page
    assert "0 of 2 are the same." in page
    assert re.search(r'class="changed"><th scope="row">train_days</th><td></td><td>28</td>', page)
    assert f'src="/galley/files/{BEFORE}/{DAG}/01_prepare.html"' in page


def test_a_day_without_that_stage_says_that_there_is_nothing_to_compare(client):
    answer = client.get(f"/galley/compare/{DS}/{DAG}/02_split", params={"other": BEFORE})
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert "Nothing to compare with" in answer.text


def tab(client, **names):
    path = "/galley/tasks" if "task_id" in names else "/galley/runs"
    return client.get(path, params={"dag_id": DAG, "run_id": RUN, **names})


def test_the_tab_of_a_run_shows_its_day(client):
    assert tab(client).url.path == f"/galley/reports/{DS}/{DAG}/attempts/02_split.try1.html"


@pytest.mark.parametrize("map_index", ["-1", "{MAP_INDEX}", ""])
def test_the_tab_of_a_task_shows_its_stage(client, map_index):
    assert tab(client, task_id="prepare", map_index=map_index).url.path == f"/galley/reports/{DS}/{DAG}/01_prepare.html"


def test_the_tab_of_a_mapped_task_shows_its_own_stage(client):
    path = f"/galley/reports/{DS}/{DAG}"
    assert tab(client, task_id="train", map_index="0").url.path == f"{path}/03_train.m0.html"
    assert tab(client, task_id="train", map_index="1").url.path == f"{path}/attempts/03_train.m1.try1.html"


@pytest.mark.parametrize(
    ("names", "title"),
    [
        ({"task_id": "wait"}, "Not a notebook"),
        ({"task_id": "record"}, "No report yet"),
        ({"task_id": "promote"}, "No report"),
        ({"task_id": "nothing"}, "No report here"),
        ({"dag_id": "other", "run_id": "o1"}, "No notebooks in this DAG"),
        ({"run_id": "gone"}, "There is no such run"),
    ],
)
def test_what_has_no_report_says_so(client, names, title):
    assert f"<h1>{title}</h1>" in tab(client, **names).text


@pytest.mark.parametrize(("task_id", "looks_again"), [("record", True), ("promote", False)])
def test_only_the_page_of_a_task_that_may_still_run_looks_again(client, task_id, looks_again):
    assert ("note passing" in tab(client, task_id=task_id).text) == looks_again


def test_the_tab_of_an_approval_leads_to_the_review_and_to_the_answer(client):
    page = tab(client, task_id="approval").text
    assert f'href="/galley/reports/{DS}/{DAG}' in page
    assert "/tasks/approval/required_actions" in page


def test_a_running_stage_shows_how_far_it_is(home, client):
    number = run(home, "04_validate", "running")
    path = f"{DS}/{DAG}/attempts/04_validate.try{number}.html"
    with Attempts(home.outputs / DS / DAG, "04_validate").exclusive():
        assert client.get(f"/galley/progress/{path}").json() | {"version": ""} == {
            "done": 1, "cells": 3, "version": "", "running": True,
        }  # fmt: skip
        page = client.get(f"/galley/reports/{path}").text
        assert '<progress max="3" value="1">' in page
        assert f'src="/galley/live/{path}"' in page
        assert 'sandbox="allow-same-origin"' in page
    page = client.get(f"/galley/reports/{path}").text
    assert "<progress" not in page
    assert '<span class="state interrupted">interrupted</span>' in page


def test_a_copy_for_jupyterlab_has_the_same_cells_and_is_not_the_source(home, airflow):
    editor = client_of(airflow, "USER")
    answer = editor.post(f"/galley/scratch/{DS}/{DAG}/01_prepare.html", headers={"Origin": "http://localhost"})
    name = f"scratch/{DS}/{DAG}/01_prepare.ipynb"
    assert answer.json() == {"address": f"http://localhost:8888/lab/tree/{name}"}
    node = nbformat.read(home.folder / "notebooks" / name, as_version=4)
    assert [cell.source for cell in node.cells] == ["# A stage", "print()", "more()"]
    assert "outputs" not in node.cells[0]
    assert node.cells[1].outputs == []


@pytest.mark.parametrize(
    "origin",
    ["https://example.org", "null", "http://localhost.example.org", "http://localhost:8888", "localhost", None],
)
def test_another_site_cannot_have_copies_made(airflow, origin):
    editor = client_of(airflow, "USER")
    headers = {"Sec-Fetch-Site": "same-origin"} | ({"Origin": origin} if origin else {})
    address = f"/galley/scratch/{DS}/{DAG}/01_prepare.html"
    assert editor.post(address, headers=headers).status_code == HTTPStatus.FORBIDDEN


def test_who_may_only_read_cannot_have_copies_made(client):
    address = f"/galley/scratch/{DS}/{DAG}/01_prepare.html"
    assert client.post(address, headers={"Origin": "http://localhost"}).status_code == HTTPStatus.FORBIDDEN


def active_parts(page):
    """What in a page could run, load, send or lead away."""
    # Pictures are data; what stands inside them cannot act.
    page = re.sub(r'src="data:[^"]*"', "", page)
    tags = r"<(script|iframe|object|embed|form|base|link|svg|meta\s+http-equiv=.?refresh)\b"
    return re.findall(rf"{tags}|\son\w+\s*=|javascript:", page, re.IGNORECASE)


def test_a_hostile_notebook_is_sent_without_anything_that_acts(client):
    answer = client.get(f"/galley/files/{DS}/{DAG}/attempts/02_split.try1.html")
    assert active_parts(answer.text) == []
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script-src" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_page_that_runs_live_lets_no_script_run_either(client):
    answer = client.get(f"/galley/live/{DS}/{DAG}/attempts/02_split.try1.html")
    assert active_parts(answer.text) == []
    assert answer.headers["content-security-policy"].startswith("sandbox allow-same-origin; default-src 'none'")


def test_even_a_page_that_was_changed_by_hand_is_sent_into_the_sandbox(home, client):
    page = home.outputs / BEFORE / "generate_data" / "01_generate.html"
    page.parent.mkdir(parents=True)
    page.write_text(HOSTILE)
    answer = client.get(f"/galley/files/{BEFORE}/generate_data/01_generate.html")
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'; img-src data:")


@pytest.mark.parametrize(
    ("address", "wrote"),
    [
        (f"/galley/reports/{BEFORE}/{DAG}/01_prepare.html", '"><script>alert(1)</script>'),
        ("/galley/reports", "<i>ada</i>"),  # a reason that is not signed is not shown there
    ],
)
def test_our_own_pages_escape_what_others_wrote(client, address, wrote):
    page = client.get(address).text
    assert "<script>" not in page
    assert "<i>" not in page
    assert html.escape(wrote).replace("&quot;", "&#34;") in page


SHOWN = [f"/galley/reports/{DS}/{DAG}/attempts/02_split.try1.html", f"/galley/compare/{DS}/{DAG}/01_prepare"]


@pytest.mark.parametrize("address", SHOWN)
def test_what_a_notebook_made_is_shown_in_frames_that_allow_nothing_wherever_they_are_led(client, address):
    frames = re.findall(r"<iframe[^>]*>", client.get(address).text)
    assert frames
    assert all(' sandbox=""' in frame for frame in frames)


def test_a_report_has_no_link_to_where_it_is_shown(client):
    page = client.get(f"/galley/files/{DS}/{DAG}/attempts/02_split.try1.html").text
    assert "relative link" in page
    assert [link for link in re.findall(r'href="([^"]*)"', page) if not link.startswith("#")] == []


@pytest.mark.parametrize("suffix", [".html", ".ipynb", ".sha256"])
def test_a_report_that_is_not_what_its_run_published_says_so_outside_of_it(home, client, suffix):
    run(home, "05_review", ds=BEFORE)
    address = f"/galley/reports/{BEFORE}/{DAG}/05_review.html"
    while client.get(address).status_code == 404:  # in a bucket, what was listed half a second ago is not listed anew
        time.sleep(0.1)
    assert "somebody changed" not in client.get(address).text
    path = home.outputs / BEFORE / DAG / f"05_review{suffix}"
    files.write_bytes(path, files.read_bytes(path).replace(b" ", b"  ", 1))
    assert "somebody changed or replaced a file" in client.get(address).text
    files.write_bytes(path.with_suffix(".sha256"), b"x")
    assert "somebody changed or replaced a file" in client.get(address).text


def test_a_report_from_before_runs_kept_digests_is_not_said_to_be_changed(home, client):
    run(home, "06_older", ds=BEFORE)
    (home.outputs / BEFORE / DAG / "06_older.sha256").unlink()
    while (page := client.get(f"/galley/reports/{BEFORE}/{DAG}/06_older.html")).status_code == 404:
        time.sleep(0.1)
    assert "somebody changed" not in page.text


@pytest.mark.parametrize("address", [page for page in PAGES if re.match("/galley/(reports|compare|runs|tasks)", page)])
def test_our_own_pages_allow_no_inline_script(client, address):
    answer = client.get(address)
    assert "script-src 'self';" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert re.findall(r"<script(?! src=)|<style|\sstyle=|\son\w+=", answer.text) == []


NAMES = [
    "../../../airflow.db",
    "..%2f..%2f..%2fairflow.db",
    "..%252f..%252fairflow.db",
    "%2e%2e/%2e%2e/x.html",
    "decision.json",
    "%00.html",
    "x%0d%0aSet-Cookie:a.html",
    "a" * 8000 + ".html",
    "attempts/01_prepare.try99.html",
    "//etc/passwd",
    "link.html",
    "<script>alert(1)</script>.html",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["reports", "files", "live", "progress"])
def test_no_address_leads_out_of_the_dags_folder(home, client, kind, name):
    link = home.outputs / DS / DAG / "link.html"
    if not files.is_remote(link) and not link.is_symlink():
        link.symlink_to(home.folder / "passwords.json")
    answer = client.get(f"/galley/{kind}/{DS}/{DAG}/{name}")
    assert answer.status_code == HTTPStatus.NOT_FOUND
    assert "<script>" not in answer.text


@pytest.mark.parametrize(
    "part", ["..", "%2e%2e", "..%2f..", "%252e%252e", "~", "%00", "x" * 3000, "<b>", "2026-11-23%2f.."]
)
@pytest.mark.parametrize(
    "address", ["reports/{}/train_weekly/a.html", "files/2026-11-23/{}/a.html", "compare/2026-11-23/train_weekly/{}"]
)
def test_no_part_of_an_address_can_be_another_thing(client, address, part):
    assert client.get(f"/galley/{address.format(part)}").status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("field", ["dag", "state", "since", "until", "before"])
@pytest.mark.parametrize("value", ["<script>alert(1)</script>", "' OR 1=1", "../..", "\0", "x" * 200])
def test_no_filter_can_do_harm(client, field, value):
    answer = client.get("/galley/reports", params={field: value})
    assert answer.status_code == HTTPStatus.OK
    assert "<script>" not in answer.text


@pytest.mark.parametrize("path", ["/galley/reports", "/galley/", "/galley/tasks?dag_id=train_weekly"])
def test_an_api_server_without_a_project_says_so_to_who_is_logged_in(airflow, monkeypatch, tmp_path, path):
    from fastapi.testclient import TestClient

    from galley.airflow.plugin import GalleyPlugin

    monkeypatch.setattr(GalleyPlugin.fastapi_apps[0]["app"], "_app", None)  # and later the one that there was
    monkeypatch.delenv("GALLEY_HOME")
    monkeypatch.chdir(tmp_path)
    answer = client_of(airflow, "VIEWER").get(path)
    assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert "No project that the API server can read" in answer.text
    assert "set GALLEY_HOME to it" in answer.text
    assert TestClient(airflow).get(path).status_code == HTTPStatus.UNAUTHORIZED


def test_the_frame_is_light_or_dark_as_the_page_around_it(client):
    address = f"/galley/files/{DS}/{DAG}/01_prepare.html"
    light, dark = (
        client.get(address, headers={"Cookie": f"_token={client.cookies['_token']}; galley_theme={theme}"}).text
        for theme in ("light", "dark")
    )
    assert "@media not all {" in light
    assert "@media all {" in dark
    assert client.get(address).text.count("(prefers-color-scheme: dark)") == 1


def test_a_second_dag_in_the_query_is_not_a_way_around_the_first(airflow):
    address = f"/galley/runs?dag_id=other&dag_id={DAG}&run_id=o1"
    assert client_of(airflow, None).get(address).status_code == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("name", ["metrics.json", "decision.json", "01_prepare.ipynb"])
@pytest.mark.parametrize(
    "content",
    [b"", b"[" * 200_000, b'{"decision": ["x"], "reviewer": {}}', b'{"decision": "\\ud800"}', b"\xff", b'{"cells": 1}'],
    ids=["empty", "deep", "other types", "half a character", "binary", "cells"],
)
def test_one_malformed_file_leaves_every_other_report_readable(home, client, name, content):
    files.write_bytes(home.outputs / "2026-11-09" / DAG / name, content)
    listed = client.get("/galley/reports")
    assert listed.status_code == HTTPStatus.OK
    assert f"/reports/{DS}/{DAG}" in listed.text
    for address in ("reports", "files", "live", "compare"):
        ending = "" if address == "compare" else ".html"
        answer = client.get(f"/galley/{address}/2026-11-09/{DAG}/01_prepare{ending}")
        assert answer.status_code in (HTTPStatus.OK, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY)


def test_no_secret_is_served_while_a_page_and_a_link_change_places(home, client):
    """As somebody who writes to outputs does it, for a viewer who asks again and again."""
    if files.is_remote(home.outputs):
        pytest.skip("a bucket has no links")
    (home.folder / "secret.html").write_text("a secret of Airflow's")
    page = home.outputs / "2026-11-02" / DAG / "01_prepare.html"
    files.write_bytes(page, b"<p>the page</p>")
    link = page.with_name("link")
    link.symlink_to(home.folder / "secret.html")
    libc, over = ctypes.CDLL(None), threading.Event()

    def swap():
        while not over.is_set():
            libc.renameat2(-100, os.fsencode(page), -100, os.fsencode(link), 2)

    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        kinds = [f"/galley/files/2026-11-02/{DAG}/01_prepare.html{query}" for query in ("", "?download=true")]
        answers = [client.get(address) for _ in range(150) for address in kinds]
    finally:
        over.set()
        swapper.join()
    assert {answer.text for answer in answers if answer.status_code == HTTPStatus.OK} == {"<p>the page</p>"}
    assert not any("secret" in answer.text for answer in answers)
