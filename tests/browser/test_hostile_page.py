"""What somebody wrote into outputs, or had a notebook print, does nothing to whoever reads it, nor poses as galley."""

import nbformat
import pytest
from playwright.sync_api import expect

from galley.notebooks.render import render

DS, DAG = "2026-11-20", "generate_data"
ADDRESS = f"/plugin/reports/galley/reports/{DS}/{DAG}/03_hostile.html"
ATTACK = "top.document.title = parent.document.title = document.title = 'taken'; fetch('/api/v2/dags?by=hostile')"
FORM = '<form action="/galley/scratch/{0}?by=hostile" method="post" target="{1}"><button>go</button></form>'
WAYS = {
    "a script": f"<button id=b>go</button><script>{ATTACK}; b.onclick = () => {{ {ATTACK} }}</script>",
    "a handler": f'<img src=x onerror="{ATTACK}"><button onclick="{ATTACK}">go</button>',
    "an address of script": f'<a href="javascript:{ATTACK}">go</a>',
    "a form": FORM.format(f"{DS}/{DAG}/03_hostile.html", "_self"),
    "a form to the top": FORM.format(f"{DS}/{DAG}/03_hostile.html", "_top"),
    "a relative link": '<a href="../../../../api/v2/dags?by=hostile">go</a>',
    "a link to our own pages": '<a href="/galley/reports?by=hostile">go</a>',
    "a link to the top": '<a href="../../../../api/v2/dags?by=hostile" target="_top">go</a>',
    "a link to the parent": '<a href="/api/v2/dags?by=hostile" target="_parent">go</a>',
    "a window": '<a href="/api/v2/dags?by=hostile" target="_blank">go</a>',
    "a page in it": '<iframe src="/galley/reports?by=hostile"></iframe><button>go</button>',
    "a refresh": '<meta http-equiv="refresh" content="1; url=/api/v2/dags?by=hostile"><button>go</button>',
}
IMITATION = (
    '<div class="banner completed" style="border-left: 6px solid #17663a; background: #f3f5f7; padding: 12px 16px">'
    '<p class="state">completed</p><h1>all is well</h1></div>'
)


@pytest.fixture
def story(begun):
    """Airflow as it is when nothing has happened yet."""
    return begun


@pytest.fixture
def folder(story):
    """Where the report is, which is gone when the test is over."""
    folder = story.outputs / DS / DAG
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(), folder / "03_hostile.ipynb")
    yield folder
    for report in folder.glob("03_hostile.*"):
        report.unlink()


def reports(page):
    return page.frame_locator("iframe").first


def notebook(page):
    return reports(page).frame_locator("iframe[name=report]")


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_nothing_in_a_hostile_page_does_anything(visit, folder, way):
    (folder / "03_hostile.html").write_text(f"<!doctype html><title>hostile</title><p>text</p>{way}")
    page, asked = visit("about:blank"), []
    page.context.on("request", lambda request: asked.append(request))
    page.goto(ADDRESS)
    notebook(page).get_by_text("go", exact=True).click()
    page.wait_for_timeout(1500)
    assert page.url.endswith(ADDRESS)
    assert len(page.context.pages) == 1
    assert "taken" not in (page.title(), reports(page).locator("body").evaluate("() => document.title"))
    of_frame, *_ = [request for request in asked if "/galley/files/" in request.url]
    assert "cookie" in of_frame.all_headers()  # as whatever the viewer asks for
    sent = [request for request in asked if "by=hostile" in request.url]
    assert [request.url for request in sent if request.method != "GET"] == []
    assert [request.url for request in sent if "cookie" in request.all_headers()] == []


def test_an_output_that_imitates_the_banner_stands_inside_a_border(visit, folder):
    output = nbformat.v4.new_output("display_data", data={"text/html": IMITATION})
    cells = [nbformat.v4.new_code_cell("1", outputs=[output]), nbformat.v4.new_markdown_cell(IMITATION)]
    node = nbformat.v4.new_notebook(cells=cells)
    node.metadata.galley = {"end": {"state": "failed", "message": "it did not work"}}
    nbformat.write(node, folder / "03_hostile.ipynb")
    (folder / "03_hostile.html").unlink(missing_ok=True)
    page = visit(ADDRESS)
    expect(notebook(page).locator(".banner")).to_have_count(1)
    expect(notebook(page).locator(".banner .state")).to_have_text("failed")
    for number, around in enumerate((".output", ".cell.markdown")):
        false = notebook(page).get_by_text("all is well").nth(number).locator("..").bounding_box()
        box = notebook(page).locator(around).first
        assert box.evaluate("own => parseFloat(getComputedStyle(own).borderLeftWidth)") >= 1
        outer = box.bounding_box()
        assert outer["x"] < false["x"]
        assert false["x"] + false["width"] < outer["x"] + outer["width"]


def test_a_link_to_a_site_opens_a_window_that_does_not_know_who_opened_it(browser, tmp_path):
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("[a site](https://example.org/a)")])
    kept = tmp_path / "kept.html"
    kept.write_text(render(node, "kept"))
    context = browser.new_context()
    context.route("https://example.org/**", lambda route: route.fulfill(body="there", content_type="text/html"))
    page = context.new_page()
    page.goto(kept.as_uri())
    with context.expect_page() as opened:
        page.get_by_role("link", name="a site").click()
    assert opened.value.evaluate("() => window.opener") is None
    assert page.url == kept.as_uri()
    context.close()
