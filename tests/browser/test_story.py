"""A reviewer's day in a browser: what failed, what waits, the answer, and the model that changes. In this order."""

import re
import time
from urllib.parse import quote

import nbformat
import pytest
from playwright.sync_api import expect
from story import APPROVED, BROKEN, DAYS, REASON, WAITING

from galley.run.attempts import Attempts

GRAPHS = {"train_weekly": APPROVED, "generate_data": APPROVED, "predict_daily": "2026-11-22", "rollback_model": WAITING}


PAGES = [
    "/galley/reports",
    "/galley/models/flights-late",
    f"/galley/reports/{APPROVED}/train_weekly/03_train.html",
    f"/galley/reports/{WAITING}/train_weekly/05_review.html",
    f"/galley/reports/{BROKEN}/train_weekly/01_prepare.html",
    f"/galley/compare/{WAITING}/train_weekly/03_train",
    "/galley/how-to-review",
    "/galley/reports?decision=Reject",
    "/galley/reports/2013-01-01/train_weekly/03_train.html",
]
"""Of each kind one; the last two have nothing to show."""


def reports(page):
    """The frame that our pages are in."""
    return page.frame_locator("iframe").first


def show(page, path, theme):
    """Go to one of our pages, and wait until it is there."""
    page.goto(f"/plugin/reports{path}")
    expect(reports(page).locator("html")).to_have_attribute("data-theme", theme)
    expect(reports(page).locator(".bar, .empty").first).to_be_visible()


def serious(page, axe):
    """What the accessibility checker finds on a page. What it has in frames is left out: these let no script in."""
    page.evaluate(axe)
    found = page.evaluate("() => axe.run(document, {iframes: false})")["violations"]
    grave = [violation for violation in found if violation["impact"] in ("serious", "critical")]
    return [(each["id"], node["html"][:200]) for each in grave for node in each["nodes"]]


def notebook(page):
    """The frame inside it, with the executed notebook."""
    return reports(page).frame_locator("iframe[name=report]")


def run_path(dag_id, ds):
    return f"/dags/{dag_id}/runs/{quote(f'demonstration__{ds}', safe='')}"


def test_a_failed_stage_is_found_with_the_cell_that_failed(visit, picture):
    page = visit("/")
    page.get_by_role("link", name="Reports").click()
    days = reports(page).locator("time")
    expect(days).to_have_text(sorted(DAYS, reverse=True))
    picture(page, "reports")
    reports(page).get_by_label("State").select_option("failed")
    reports(page).get_by_role("button", name="Filter").click()
    expect(days).to_have_text([BROKEN])
    reports(page).get_by_role("link", name="prepare: failed").click()
    reports(page).get_by_role("link", name="Go to the cell that ended it").click()
    failed = notebook(page).locator(".cell.failed")
    expect(failed).to_be_in_viewport()
    expect(failed).to_contain_text("distance")
    page.set_viewport_size({"width": 1280, "height": 680})  # no further down than the project's own lines
    picture(page, "failed_stage")


def test_the_address_of_a_report_can_be_handed_on(visit):
    page = visit(f"/plugin/reports/galley/reports/{APPROVED}/train_weekly/03_train.html")
    expect(notebook(page).locator(".banner")).to_contain_text("train_weekly")
    page.goto(f"/galley/reports/{APPROVED}/train_weekly/03_train.html")
    expect(notebook(page).locator(".banner")).to_contain_text("train_weekly")
    expect(page).to_have_url(re.compile("/plugin/reports/galley/reports/"))


def test_stages_attempts_and_days_are_a_key_away(visit):
    page = visit(f"/plugin/reports/galley/reports/{WAITING}/train_weekly/02_split.html")
    frame = reports(page)
    frame.get_by_role("link", name="split: accepted").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(notebook(page).locator(".banner h1")).to_contain_text("train")
    frame.locator(".tabs a").first.focus()
    page.keyboard.press("[")
    expect(frame.locator(".crumbs")).to_contain_text(APPROVED)


def test_two_weeks_are_compared(visit, picture):
    page = visit(f"/plugin/reports/galley/compare/{WAITING}/train_weekly/03_train")
    expect(reports(page).locator("tr.changed").first).to_be_visible()
    same = reports(page).locator(".rows tbody tr:not(.changed)").first
    expect(same).to_be_hidden()
    reports(page).get_by_label("only what changed").uncheck()
    expect(same).to_be_visible()
    reports(page).get_by_label("only what changed").check()
    expect(reports(page).locator(".beside iframe")).to_have_count(2)
    picture(page, "compare")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (f"{run_path('train_weekly', APPROVED)}/plugin/report", "train_weekly"),
        (f"{run_path('train_weekly', APPROVED)}/tasks/train/plugin/notebook", "train"),
    ],
)
def test_a_run_and_a_task_have_their_report_in_a_tab(visit, path, text):
    page = visit(path)
    expect(notebook(page).locator(".banner h1")).to_contain_text(text)


def test_a_task_without_a_notebook_says_so(visit):
    page = visit(f"{run_path('train_weekly', APPROVED)}/tasks/wait_for_data/plugin/notebook")
    expect(reports(page).get_by_role("heading")).to_have_text("Not a notebook")


def test_a_running_stage_grows_without_losing_the_place_that_is_read(visit, story):
    kept = Attempts(story.outputs / DAYS[2] / "generate_data", "02_slow")
    cells = [nbformat.v4.new_markdown_cell(f"# Part {n}\n\n" + "text\n\n" * 20) for n in range(6)]
    node = nbformat.v4.new_notebook(cells=cells)
    node.metadata.galley = {"end": {"state": "running"}, "run": {"dag_id": "generate_data", "ds": DAYS[2]}}
    cells[0].metadata["papermill"] = {"status": "completed"}
    with kept.exclusive():
        number = kept.begin(node)
        page = visit(f"/plugin/reports/galley/reports/{DAYS[2]}/generate_data/attempts/02_slow.try{number}.html")
        expect(reports(page).get_by_role("status")).to_have_text("1 of 6 cells")
        notebook(page).get_by_role("heading", name="Part 3").scroll_into_view_if_needed()
        before = notebook(page).locator("body").evaluate("() => window.scrollY")
        for cell in cells[:4]:
            cell.metadata["papermill"] = {"status": "completed"}
        cells[5].source = "# Part 5, changed"
        kept.save(number, node)
        expect(reports(page).get_by_role("status")).to_have_text("4 of 6 cells")
        expect(notebook(page).get_by_role("heading", name="Part 5, changed")).to_have_count(1)
        assert before > 0
        assert notebook(page).locator("body").evaluate("() => window.scrollY") == before
    expect(reports(page).locator(".facts .state")).to_have_text("interrupted")
    expect(reports(page).get_by_role("progressbar")).to_have_count(0)


def test_the_link_in_the_alert_leads_through_the_login_to_the_form(browser, story, receiver):
    asked = [alert["message"] for alert in receiver.received if WAITING in alert["title"]]
    if not asked:
        pytest.skip("people were told in an earlier story")
    page = browser.new_page()
    page.goto(re.search("<(http.+)>", asked[-1])[1])
    page.fill("input[name=username]", "reviewer")
    page.fill("input[name=password]", story.password("reviewer"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Reject")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_be_disabled()
    page.locator("[name=element_reason]").fill(REASON)
    expect(page.get_by_role("button", name="Approve")).to_be_enabled()
    page.close()


def test_verdict_checks_evidence_and_form_are_three_clicks_away_and_nothing_is_scrolled(visit):
    page = visit("/")
    page.set_viewport_size({"width": 1280, "height": 800})
    page.get_by_role("link", name="Reports").click()
    reports(page).get_by_role("link", name=f"train_weekly, {WAITING}").click()
    expect(notebook(page).locator(".banner h1")).to_contain_text("review")
    for text in ("checks pass", "log loss", "Backtest: ROC AUC"):
        expect(notebook(page).locator(".facts").get_by_text(text).first).to_be_in_viewport()
    for link in ("Both on the same rows", "Live performance", "Drift"):
        expect(notebook(page).get_by_role("link", name=link, exact=True)).to_be_in_viewport()
    reports(page).get_by_role("link", name="Answer the review").click()
    expect(page.get_by_text("Put the model of").first).to_be_in_viewport()
    expect(page.get_by_role("link", name="The whole review")).to_be_in_viewport()


def test_the_name_of_a_training_leads_to_its_review_and_its_day_is_found_by_the_decision(visit):
    page = visit("/plugin/reports/galley/reports")
    reports(page).get_by_label("Decision").select_option("Approve")
    reports(page).get_by_role("button", name="Filter").click()
    expect(reports(page).locator("time")).to_have_text([APPROVED])
    expect(reports(page).locator(".became")).to_have_text("version 1, in production")
    reports(page).get_by_role("link", name="train_weekly", exact=True).click()
    expect(notebook(page).locator(".banner h1")).to_contain_text("review")


def test_a_review_is_read_answered_with_a_reason_and_the_champion_changes(visit, story, picture):
    former = story.champion()
    page = visit("/plugin/reports")
    reports(page).get_by_role("link", name=f"train_weekly, {WAITING}").click()
    expect(notebook(page).locator(".banner h1")).to_contain_text("review")
    expect(notebook(page).get_by_role("table").first).to_be_in_viewport()
    picture(page, "report")
    reports(page).get_by_role("link", name="Answer the review").click()
    expect(page).to_have_url(re.compile("/tasks/approval/required_actions"))
    expect(page.get_by_role("button", name="Reject")).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 1290})
    picture(page, "review")
    page.get_by_label("Reason").or_(page.locator("[name=element_reason]")).first.fill(REASON)
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Response received")).to_be_visible()
    story.wait_for("train_weekly", WAITING)
    assert story.champion() != former
    page.goto(f"/plugin/reports/galley/reports/{WAITING}/train_weekly/07_promote.html")
    expect(reports(page).locator(".made")).to_contain_text(f"Approve reviewer {REASON}")


def test_reports_say_what_is_in_production_and_how_it_came_there(visit, story, picture):
    page = visit("/plugin/reports")
    strip = reports(page).get_by_role("region", name="In production")
    expect(strip).to_contain_text(f"version {story.champion()} is in production by")
    strip.get_by_role("link", name="flights-late").click()
    expect(reports(page).get_by_role("cell", name="in production", exact=True)).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 760})
    picture(page, "model")
    reports(page).get_by_role("link", name="reviewer's decision").click()
    expect(notebook(page).locator(".banner h1")).to_contain_text("review")


@pytest.mark.parametrize(
    ("heading", "name", "height"),
    [("Both on the same rows", "review_same_rows", 990), ("Live performance", "review_live_performance", 690)],
)
def test_a_review_has_the_parts_that_its_guide_shows(browser, story, picture, heading, name, height):
    page = browser.new_page(viewport={"width": 1000, "height": height})
    page.goto((story.outputs / WAITING / "train_weekly" / "05_review.html").as_uri())
    part = page.get_by_role("heading", name=heading, exact=True)
    part.evaluate("own => own.scrollIntoView()")
    expect(part).to_be_in_viewport()
    picture(page, name)
    page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_fits_the_screen(visit, theme):
    page, wide = visit("/plugin/reports", theme=theme), []
    for path in PAGES:
        show(page, path, theme)
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 800})
            sizes = reports(page).locator("html").evaluate("own => [own.scrollWidth, own.clientWidth, innerWidth]")
            assert sizes[2] <= width
            wide += [(path, width)] if sizes[0] > sizes[1] else []
    assert wide == []


@pytest.mark.parametrize("width", [1280, 390])
def test_no_executed_notebook_is_wider_than_the_screen(browser, story, width):
    page = browser.new_page(viewport={"width": width, "height": 800})
    written = sorted((story.outputs / APPROVED).glob("*/0*.html"))
    wide = []
    for path in written:
        page.goto(path.as_uri())
        if page.evaluate("document.documentElement.scrollWidth") > width:
            wide.append(path.name)
    page.close()
    assert len(written) > 5
    assert wide == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_stands_in_the_way_of_anybody(visit, axe, theme):
    page, found = visit("/plugin/reports", theme=theme), []
    for path in PAGES:
        show(page, path, theme)
        frame = next(frame for frame in page.frames if "/galley/" in frame.url and "/plugin/" not in frame.url)
        found += [(path, *each) for each in serious(frame, axe)]
    assert found == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nor_does_it_in_an_executed_notebook(browser, story, axe, theme):
    page, found = browser.new_page(color_scheme=theme), []
    written = sorted((story.outputs / APPROVED).glob("*/0*.html"))
    for path in written:
        page.goto(path.as_uri())
        found += [(path.name, *each) for each in serious(page, axe)]
    page.close()
    assert len(written) > 5
    assert found == []


def test_a_rollback_suggests_what_was_approved_and_may_be_asked_for_without_a_version(visit, story):
    (story.home / "dags" / "rollback_model.py").touch()  # this Airflow reads a DAG file that changed, or each hour
    deadline = time.monotonic() + 120
    suggested = []
    while suggested != ["2", "1"]:
        assert time.monotonic() < deadline, suggested
        page = visit("/dags/rollback_model", user="admin")
        page.get_by_role("button", name="Trigger").first.click()
        form = page.get_by_role("dialog")
        expect(form.get_by_role("button", name="Trigger")).to_be_disabled()
        suggested = form.locator("datalist option").evaluate_all("options => options.map(option => option.value)")
    form.locator("[name=element_reason]").fill("it misses late flights")
    expect(form.get_by_role("button", name="Trigger")).to_be_enabled()


def test_the_page_of_a_model_offers_the_way_back(visit, story):
    page = visit("/plugin/reports/galley/models/flights-late")
    row = reports(page).get_by_role("row").filter(has_text="replaced by")
    row.get_by_text("Roll back to this").click()
    expect(row.get_by_label("Version")).to_have_value("1")
    row.get_by_label("Reason").fill("it misses late flights")
    row.get_by_role("button", name="Start the review of this rollback").click()
    expect(page).to_have_url(re.compile("/dags/rollback_model/runs/manual__"))
    story.wait_for_question("rollback_model", page.url.rpartition("/")[2])
    page.goto(f"{page.url}/tasks/approval/required_actions")
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_text("Response received")).to_be_visible()


def test_every_graph_after_a_run_without_error(visit, story, picture):
    page = visit("/dags", user="admin")
    story.roll_back(WAITING)
    page.set_viewport_size({"width": 1280, "height": 850})
    page.reload()
    expect(page.get_by_role("link", name="train_weekly").first).to_be_visible()
    picture(page, "dags")
    page.set_viewport_size({"width": 1280, "height": 480})
    for dag_id, ds in GRAPHS.items():
        page.goto(run_path(dag_id, ds))
        expect(page.get_by_text("Success").first).to_be_visible()
        show = page.get_by_role("button", name=re.compile("Show Graph"))
        if show.get_attribute("data-state") != "on":
            show.click()
        page.get_by_role("button", name="Collapse Details Panel").click()
        page.get_by_role("button", name="Fit View").click()
        expect(page.locator(".react-flow__node").first).to_be_visible()
        picture(page, dag_id)


def test_a_task_leads_to_its_report_after_airflow_moved_to_another_port(visit, story):
    port = story.port
    story.move()
    assert story.port != port
    page = visit(f"{run_path('train_weekly', APPROVED)}/tasks/train/details")
    page.get_by_role("link", name="Report", exact=True).click()
    expect(notebook(page).locator(".banner h1")).to_contain_text("train")
    expect(page).to_have_url(re.compile(f":{story.port}/plugin/reports/galley/reports/"))
