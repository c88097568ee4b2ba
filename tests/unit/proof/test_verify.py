"""`verify` finds each kind of change to what accepted runs say of a day, and nothing on a day that is as it was."""

import json

import nbformat
import pytest
from accepted_day import AcceptedDay, rewrite

from galley.errors import MissingInput
from galley.proof.accepted import OTHER_NUMBERS
from galley.proof.check import Kind
from galley.proof.verify import verify, without_digest
from galley.run import provenance
from galley.stage import MIME_TYPE
from galley.storage import files


@pytest.fixture
def accepted(settings):
    """A day with one accepted run, whose files are named."""
    day = AcceptedDay(settings)
    vars(day).update(vars(day.accept("01_stage")))
    return day


def test_nothing_is_found_on_a_day_that_is_as_it_was(accepted):
    assert verify(accepted.day) == []


def test_metrics_that_join_a_model_later_are_no_change(accepted):
    files.write_json(accepted.model / "metrics.json", {"auc": 0.7})
    assert verify(accepted.day) == []


OTHER, GONE = "has other content now", "is not there any more"
OTHER_PAGE = "has other content than its run published"
CHANGED, UNREADABLE = "was changed after it was accepted", "says nothing of where it came from that can be read"


def change_output(a):
    a.notebook.write_text(a.notebook.read_text().replace("rows = 1", "rows = 2"))


def change_metadata(a):
    a.notebook.write_text(a.notebook.read_text().replace('"git_clean"', '"git_dirty"'))


def replace_in_page(a):
    a.page.write_text(a.page.read_text().replace("rows", "rows, of which all are well"))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda a: a.raw.write_bytes(b"a\n2\n"), ("data.csv", OTHER)),
        (lambda a: a.table.unlink(), ("train.csv", GONE)),
        (lambda a: (a.model / "MLmodel").write_bytes(b"n"), ("2026-11-23", OTHER)),
        (lambda a: (a.model / "MLmodel").unlink(), ("2026-11-23", GONE)),
        (change_output, ("01_stage.ipynb", CHANGED)),
        (change_metadata, ("01_stage.ipynb", CHANGED)),
        (lambda a: a.page.unlink(), ("01_stage.html", "is not there")),
        (lambda a: a.page.write_text("<h1>all is well</h1>"), ("01_stage.html", OTHER_PAGE)),
        (replace_in_page, ("01_stage.html", OTHER_PAGE)),
        (lambda a: a.digests.unlink(), ("01_stage.sha256", "is not there, and its run wrote it")),
        (lambda a: a.digests.write_text("x"), ("01_stage.sha256", "cannot be read")),
        (lambda a: a.digests.write_text(""), ("01_stage.sha256", "cannot be read")),
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
    assert str(mismatch) == (
        "evidence changed: data/raw/2026-11-23/data.csv has other content now "
        "(recorded by outputs/2026-11-23/dag/01_stage.ipynb)"
    )


@pytest.mark.parametrize("edit", [lambda a: a.source.write_text("{}"), lambda a: a.source.unlink()])
def test_a_source_that_was_edited_later_is_said_and_is_no_fault(accepted, edit):
    edit(accepted)
    (found,) = verify(accepted.day)
    assert (found.kind, found.name, found.is_fault) == (Kind.MOVED_ON, "notebooks/dag/01_stage.ipynb", False)


def test_a_page_that_was_changed_and_still_names_its_notebook_is_found(accepted):
    replace_in_page(accepted)
    assert json.loads(accepted.notebook.read_text())["metadata"]["galley"]["record_sha256"] in accepted.page.read_text()
    (found,) = verify(accepted.day)
    assert (found.kind, found.name) == (Kind.CHANGED, "outputs/2026-11-23/dag/01_stage.html")


def test_notebook_page_and_numbers_that_were_rewritten_to_agree_are_found(accepted):
    former = json.loads(accepted.notebook.read_text())["metadata"]["galley"]["record_sha256"]
    rewrite(accepted.notebook, lambda content: content["metadata"]["galley"].update(conclusion={"rows": 9}))
    node = nbformat.read(accepted.notebook, as_version=4)
    digest = provenance.record_digest(node)
    rewrite(accepted.notebook, lambda content: content["metadata"]["galley"].update(record_sha256=digest))
    page = accepted.page.read_text().replace(former, digest)
    accepted.page.unlink()
    accepted.page.write_text(page)
    files.write_json(accepted.metrics, {"stage": {"rows": 9}})
    assert accepted.verified() == [
        ("01_stage.ipynb", "is not the file that its run published"),
        ("01_stage.html", OTHER_PAGE),
    ]


def test_another_file_in_the_place_of_the_notebook_is_found_though_its_own_record_agrees(accepted):
    rewrite(accepted.notebook, lambda _: None)  # the same JSON in other bytes
    assert accepted.verified() == [("01_stage.ipynb", "is not the file that its run published")]


@pytest.fixture
def older(settings):
    """A day of before there were digests of pages."""
    day = AcceptedDay(settings)
    vars(day).update(vars(day.accept("01_stage", version=1)))
    day.digests.unlink()
    return day


def test_a_day_without_digests_of_pages_is_verified_as_before_and_its_pages_are_named(older):
    assert verify(older.day) == []
    assert without_digest(older.day) == ["outputs/2026-11-23/dag/01_stage.html"]


def test_a_day_without_digests_has_the_page_of_another_notebook_found(older):
    older.page.write_text("<h1>all is well</h1>")
    assert older.verified() == [("01_stage.html", "was not rendered from this notebook")]


def test_no_page_is_named_where_every_run_kept_its_digest(older):
    older.accept("01_stage")
    assert without_digest(older.day) == []


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
