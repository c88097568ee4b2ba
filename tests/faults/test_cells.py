"""Cells run as papermill and nbclient run them: a notebook with a bit of everything, run once, seen from all sides."""

import nbformat
import pytest
from desk_of_stages import Desk, code, printed, read, text

SVG = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><circle r='4'/></svg>"
WIDGET = {"_model_module": "@jupyter-widgets/controls", "_model_name": "IntSliderModel", "value": 3}
CELLS = {
    "heading": text("# Größe\n\nA formula $x^2$ and a [link](https://example.org)."),
    "import": "import sys, os\nfrom IPython.display import display, HTML, Markdown, Latex, JSON, SVG, clear_output",
    "magic": "%env GALLEY_TEST=magic\n!echo shell $GALLEY_TEST",
    "cell-magic": "%%bash\necho from bash",
    "order": "for n in range(3):\n    print('out', n, flush=True)\n    print('err', n, file=sys.stderr, flush=True)",
    "pieces": "import time\nfor n in range(3):\n    print(n, end=' ', flush=True)\n    time.sleep(0.02)",
    "rich": f"display(HTML('<b>bold</b>'), Markdown('*soft*'), Latex('$x$'), JSON({{'a': 1}}), SVG(data={SVG!r}))",
    "shown": "handle = display('before', display_id='bar')",
    "updated": "handle.update('after')",
    "cleared": "print('gone')\nclear_output()\nprint('stays')",
    "cleared-late": "for n in range(3):\n    clear_output(wait=True)\n    print('step', n)",
    "folder": "print(open('beside.txt').read())",
    "widget": f"from comm import create_comm\ncomm = create_comm('jupyter.widget', data={{'state': {WIDGET}}})",
    "result": "6 * 7",
    "quiet": "6 * 7;",
    "allowed": code("1 / 0", "raises-exception"),
    "skipped": code("print('never')", "skip-execution"),
    "environment": "print(sorted(name for name in os.environ if 'AIRFLOW__' in name or 'ALERT' in name))",
    "empty": "",
    "raw": nbformat.v4.new_raw_cell("raw <b>text</b>"),
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The outcome of a notebook of all these cells."""
    desk = Desk(tmp_path_factory.mktemp("cells") / "project")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GALLEY_HOME", str(desk.home))
        patch.setenv("GALLEY_ALERT_URLS", "mailto://secret@example.org")
        patch.setenv("AIRFLOW__CORE__FERNET_KEY", "secret")
        patch.setenv("AIRFLOW_CONN_AIRFLOW_DB", "postgresql://airflow:secret@postgres/airflow")
        execution = desk.execution(*CELLS.values())
        (desk.home / "notebooks/beside.txt").write_text("beside the notebook")
        return execution.run()


@pytest.fixture(scope="module")
def cell(ran):
    """A function that gives the cell of a name, as it was run."""
    nodes = read(ran.notebook).cells[2:]  # after the parameters, declared and injected
    assert len(nodes) == len(CELLS)
    return dict(zip(CELLS, nodes, strict=True)).get


@pytest.fixture(scope="module")
def page(ran):
    return ran.page.read_text()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cell-magic", "from bash\n"),
        ("pieces", "0 1 2 "),
        ("cleared", "stays\n"),
        ("cleared-late", "step 2\n"),
        ("folder", "beside the notebook\n"),
        ("environment", "[]\n"),
    ],
)
def test_a_cell_prints_what_it_would_print_in_jupyter(cell, name, said):
    assert printed(cell(name)) == said
    assert len(cell(name).outputs) == 1


def test_a_shell_command_sees_what_a_magic_has_set(cell):
    assert "shell magic" in printed(cell("magic"))


def test_both_streams_keep_their_order(cell):
    assert [(o.name, o.text) for o in cell("order").outputs] == [
        (stream, f"{word} {n}\n") for n in range(3) for stream, word in (("stdout", "out"), ("stderr", "err"))
    ]


def test_a_display_is_updated_where_it_was_shown(cell):
    assert cell("shown").outputs[0].data["text/plain"] == "'after'"
    assert cell("updated").outputs == []


def test_rich_outputs_are_kept_and_shown(cell, page):
    kinds = {kind for output in cell("rich").outputs for kind in output.data}
    assert {"text/html", "text/markdown", "text/latex", "application/json", "image/svg+xml"} <= kinds
    assert "<b>bold</b>" in page
    assert "<em>soft</em>" in page
    assert "data:image/svg+xml;base64," in page


def test_a_result_is_kept_and_a_semicolon_hides_it(cell):
    assert cell("result").outputs[0].data["text/plain"] == "42"
    assert cell("quiet").outputs == []


def test_a_widget_is_taken_as_jupyter_takes_it(ran):
    state = read(ran.notebook).metadata.widgets["application/vnd.jupyter.widget-state+json"]
    assert [entry["state"] for entry in state["state"].values()] == [WIDGET]


def test_a_cell_that_may_raise_does_and_the_rest_runs(cell):
    assert cell("allowed").outputs[0].ename == "ZeroDivisionError"
    assert cell("allowed").metadata.papermill.status == "completed"
    assert cell("environment").execution_count


def test_a_cell_that_is_to_be_skipped_is(cell, page):
    assert cell("skipped").execution_count is None
    assert cell("skipped").outputs == []


def test_text_and_raw_cells_are_shown_as_text(page):
    assert "raw &lt;b&gt;text&lt;/b&gt;" in page
    assert "Größe" in page


def test_the_injected_parameters_stand_below_the_declared_ones(ran):
    declared, injected = read(ran.notebook).cells[:2]
    assert declared.metadata.tags == ["parameters"]
    assert injected.metadata.tags == ["injected-parameters"]
    assert 'ds = "2026-11-23"' in injected.source
