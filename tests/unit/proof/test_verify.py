"""`verify` finds each kind of change to what accepted runs say of a day, and nothing on a day that is as it was."""

import json

import nbformat
import pytest

from galley.days import Day
from galley.errors import MissingInput
from galley.notebooks.parameters import Notebook
from galley.notebooks.render import render
from galley.proof.verify import OTHER_NUMBERS, verify
from galley.run import provenance
from galley.run.attempts import COMPLETED, Attempts
from galley.settings import relative_name
from galley.stage import MIME_TYPE
from galley.storage import files


class Accepted:
    """A day with one accepted run, which read a file, and wrote a file and a model's folder."""

    def __init__(self, settings):
        self.day = Day.of("2026-11-23", settings)
        self.reports = self.day.reports("dag")
        self.raw = self.day.raw / "data.csv"
        self.table = self.day.processed / "train.csv"
        self.model = self.day.models
        self.source = settings.notebooks / "dag/01_stage.ipynb"
        files.write_bytes(self.raw, b"a\n1\n")
        files.write_bytes(self.table, b"a\n1\n")
        files.write_bytes(self.model / "MLmodel", b"m")
        files.write_bytes(self.source, nbformat.writes(nbformat.v4.new_notebook()).encode())
        self.accept()

    def accept(self):
        settings, attempts = self.day.settings, Attempts(self.reports, "01_stage")
        facts = [("input", self.raw), ("output", self.table), ("output", self.model)]
        outputs = [
            nbformat.v4.new_output("display_data", data={MIME_TYPE: fact(*f, settings), "text/plain": "x"})
            for f in facts
        ]
        concluded = {"kind": "conclusion", "values": {"rows": 1, "größe": "日本"}}
        outputs.append(nbformat.v4.new_output("display_data", data={MIME_TYPE: concluded, "text/plain": "rows = 1"}))
        cell = nbformat.v4.new_code_cell("1", outputs=outputs, metadata={"trusted": True})
        node = nbformat.v4.new_notebook(cells=[cell], metadata={"orig_nbformat": 2, "signature": "x"})
        node.metadata.galley = {
            "end": {"state": COMPLETED, "message": ""},
            "parameters": {"depth": {1: "a", 10: "b", 2: "c"}},
            **provenance.known_before(Notebook.load(self.source), settings),
            **provenance.stated(node),
        }
        node.metadata.galley.record_sha256 = provenance.record_digest(node)
        with attempts.exclusive():
            number = attempts.begin(node)
            attempts.save_page(number, render(node, "stage"))
            self.notebook = attempts.publish(number)
        self.page = self.notebook.with_suffix(".html")
        self.metrics = self.reports / "metrics.json"
        files.write_json(self.metrics, {"stage": concluded["values"]})

    def verified(self):
        return [(mismatch.path.rpartition("/")[2], mismatch.problem) for mismatch in verify(self.day)]


def fact(kind, path, settings):
    names = {"files": files.names_in(path)} if path.is_dir() else {}
    name = relative_name(path, settings)
    return {"kind": kind, "path": name, "sha256": files.digest(path), "bytes": files.size(path), **names}


@pytest.fixture
def accepted(settings):
    return Accepted(settings)


def test_nothing_is_found_on_a_day_that_is_as_it_was(accepted):
    assert verify(accepted.day) == []


def test_metrics_that_join_a_model_later_are_no_change(accepted):
    files.write_json(accepted.model / "metrics.json", {"auc": 0.7})
    assert verify(accepted.day) == []


OTHER, GONE = "has other content now", "is not there any more"
CHANGED, UNREADABLE = "was changed after it was accepted", "says nothing of where it came from that can be read"


def change_output(a):
    a.notebook.write_text(a.notebook.read_text().replace("rows = 1", "rows = 2"))


def change_metadata(a):
    a.notebook.write_text(a.notebook.read_text().replace('"git_clean"', '"git_dirty"'))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda a: a.raw.write_bytes(b"a\n2\n"), ("data.csv", OTHER)),
        (lambda a: a.table.unlink(), ("train.csv", GONE)),
        (lambda a: (a.model / "MLmodel").write_bytes(b"n"), ("2026-11-23", OTHER)),
        (lambda a: (a.model / "MLmodel").unlink(), ("2026-11-23", GONE)),
        (lambda a: a.source.write_text("{}"), ("01_stage.ipynb", OTHER)),
        (lambda a: a.source.unlink(), ("01_stage.ipynb", GONE)),
        (change_output, ("01_stage.ipynb", CHANGED)),
        (change_metadata, ("01_stage.ipynb", CHANGED)),
        (lambda a: a.page.unlink(), ("01_stage.html", "is not there")),
        (lambda a: a.page.write_text("<h1>all is well</h1>"), ("01_stage.html", "was not rendered from this notebook")),
        (lambda a: a.notebook.write_text(""), ("01_stage.ipynb", UNREADABLE)),
        (lambda a: a.notebook.write_bytes(a.notebook.read_bytes()[:300]), ("01_stage.ipynb", UNREADABLE)),
        (lambda a: nbformat.write(nbformat.v4.new_notebook(), a.notebook), ("01_stage.ipynb", UNREADABLE)),
        (lambda a: files.write_json(a.metrics, {"stage": {"rows": 9}}), ("metrics.json", OTHER_NUMBERS)),
        (lambda a: a.metrics.unlink(), ("metrics.json", OTHER_NUMBERS)),
        (lambda a: a.metrics.write_text("[]"), ("metrics.json", OTHER_NUMBERS)),
    ],
)
def test_each_kind_of_change_is_found(accepted, change, found):
    change(accepted)
    assert accepted.verified() == [found]


def test_a_change_is_told_with_the_notebook_that_knows_better(accepted):
    accepted.raw.write_bytes(b"")
    (mismatch,) = verify(accepted.day)
    assert str(mismatch) == "outputs/2026-11-23/dag/01_stage.ipynb: data/raw/2026-11-23/data.csv has other content now"


def test_a_day_that_was_never_run_is_named(accepted):
    with pytest.raises(MissingInput, match="2026-11-24"):
        verify(accepted.day.before(-1))


def test_a_record_survives_the_way_through_a_file(accepted):
    node = nbformat.read(accepted.notebook, as_version=4)
    assert node.metadata.galley.record_sha256 == provenance.record_digest(node)
    assert json.loads(accepted.notebook.read_text())["metadata"]["galley"]["conclusion"]["größe"] == "日本"


def test_the_last_conclusion_counts_and_a_notebook_without_one_has_none():
    def node(*values):
        data = [{MIME_TYPE: {"kind": "conclusion", "values": value}} for value in values]
        outputs = [nbformat.v4.new_output("display_data", data=item) for item in data]
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("", outputs=outputs)])

    assert provenance.stated(node({"a": 1}, {"a": 2}))["conclusion"] == {"a": 2}
    assert provenance.stated(node())["conclusion"] is None
