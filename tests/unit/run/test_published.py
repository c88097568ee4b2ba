"""The digests of an accepted run stand beside it: those of the very files, in the form that sha256sum reads."""

import subprocess
from functools import partial

import nbformat
import pytest

from galley.run import published
from galley.run.attempts import Attempts
from galley.storage import files


@pytest.fixture(params=["tmp_path", "in_bucket"], ids=["disk", "bucket"])
def attempts(request):
    return Attempts(request.getfixturevalue(request.param) / "reports", "01_stage")


def accept(attempts, source):
    with attempts.exclusive():
        number = attempts.begin(nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(source)]))
        attempts.save_page(number, f"<p>{source}</p>")
        return attempts.publish(number)


def test_the_digests_are_those_of_the_accepted_run_and_of_no_former_one(attempts):
    for source in ("one", "two"):
        notebook = accept(attempts, source)
    page = notebook.with_suffix(".html")
    assert published.read(notebook) == {notebook.name: files.digest(notebook), page.name: files.digest(page)}


def test_sha256sum_checks_them_too(tmp_path):
    notebook = accept(Attempts(tmp_path, "01_stage"), "one")
    check = partial(subprocess.run, ["sha256sum", "--check", "01_stage.sha256"], cwd=tmp_path, capture_output=True)
    assert check().stdout.count(b": OK") == 2
    notebook.with_suffix(".html").write_text("<p>other</p>")
    assert check().returncode == 1


def test_where_there_is_no_such_file_nothing_is_said(tmp_path):
    assert published.read(tmp_path / "01_stage.ipynb") is None


LINE = b"0" * 64 + b"  01_stage.html\n"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        LINE,
        LINE * 2,
        LINE + b"0" * 64 + b"  x\n",
        LINE + b"x\n",
        b"x",
        b"\xff",
        b"0" * 64 + b" 01_stage.html\n",
        b"0" * 20_000,
    ],
)
def test_a_file_that_no_run_wrote_is_refused(tmp_path, content):
    (tmp_path / "01_stage.sha256").write_bytes(content)
    with pytest.raises(ValueError, match=r"digests of a run|bytes|decode"):
        published.read(tmp_path / "01_stage.ipynb")
