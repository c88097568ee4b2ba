"""A page is made in bounded time, whatever the notebook holds; where it cannot be made, a short one says so."""

import nbformat
import pytest

from galley.notebooks.page import make_page
from galley.notebooks.render import render
from galley.stage import MIME_TYPE

END = {"state": "completed", "message": ""}
NOT_SHOWN = "The cells of this run could not be shown"


def notebook(*outputs, **record):
    cell = nbformat.v4.new_code_cell("x", outputs=list(outputs))
    node = nbformat.v4.new_notebook(cells=[cell])
    node.metadata.galley = {"end": END, "record_sha256": "a" * 64, **record}
    return node


def shown(kind, text):
    return nbformat.v4.new_output("display_data", data={kind: text})


def page(*outputs):
    return render(notebook(*outputs), "a stage")


@pytest.mark.parametrize("element", ["div", "b", "blockquote", "ul><li"])
def test_html_whose_elements_stand_too_deep_in_each_other_is_named_and_not_cleaned(element):
    html = page(shown("text/html", f"<{element}>" * 200_000))
    assert "more than 256 elements in each other" in html
    assert len(html) < 20_000


@pytest.mark.parametrize(
    "html",
    [
        "<table>" + "<tr><td>1<td>2" * 5000 + "</table>",
        "<p>one" * 5000,
        "<br>" * 5000,
        "<div><b>x</b></div>" * 5000,
        "<script>" + "'<div>'+" * 500 + "</script><p>1</p>",
    ],
    ids=["rows", "paragraphs", "breaks", "siblings", "script"],
)
def test_html_that_is_long_and_not_deep_is_shown(html):
    assert "in each other" not in page(shown("text/html", html))


def test_a_text_of_very_many_colours_is_shown_without_them():
    html = page(nbformat.v4.new_output("stream", text="\x1b[31mred \x1b[0m" * 50_000))
    assert "red red" in html
    assert '<span class="ansi-red-fg"' not in html
    assert '<span class="ansi-red-fg"' in page(nbformat.v4.new_output("stream", text="\x1b[31mred\x1b[0m"))


def test_very_long_markdown_is_shown_as_its_source():
    html = page(shown("text/markdown", "\\\\( " * 100_000))
    assert "\\\\( \\\\(" in html


def test_a_heading_with_many_blanks_is_in_the_contents():
    cells = [nbformat.v4.new_markdown_cell(f"# {name}{' ' * 5000}#") for name in ("One", "Two")]
    html = render(nbformat.v4.new_notebook(cells=cells), "a stage")
    assert '<a href="#cell-1">One</a>' in html


def test_a_page_that_takes_too_long_is_a_short_one_that_says_so_and_how_the_run_ended():
    html = make_page(notebook(*[shown("text/markdown", "\\\\( " * 3000)] * 50), "a stage", seconds=0.1)
    assert NOT_SHOWN in html
    assert "it was not done after 0.1 seconds" in html
    assert '<p class="state">completed</p>' in html
    assert "a" * 64 in html
    assert NOT_SHOWN not in make_page(notebook(), "a stage")


@pytest.mark.parametrize("record", [{"inputs": [5]}, {"conclusion": [1]}, {"end": 5}])
def test_a_record_that_somebody_else_wrote_is_a_short_page(record):
    assert NOT_SHOWN in make_page(notebook(**record), "a stage")


def test_a_notebook_that_is_too_large_is_a_short_page():
    assert "a page is made of" in make_page(notebook(*[shown("text/plain", "x" * 10_000_000)] * 21), "a stage")


def test_findings_stand_at_the_top():
    output = nbformat.v4.new_output("display_data", data={MIME_TYPE: 5, "text/plain": "five"})
    assert "cell 1 says 5" in make_page(notebook(output, findings=["cell 1 says 5"]), "a stage")
