"""The shape of every notebook: what can be told without running it."""

import re

import nbformat
import pytest
from tiny_project import NOTEBOOKS

from galley.notebooks.parameters import Notebook

PATHS = sorted(path for path in NOTEBOOKS.glob("*/*.ipynb") if ".ipynb_checkpoints" not in path.parts)
each_notebook = pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path.parent.name}/{path.stem}")


def test_there_are_notebooks():
    assert PATHS


@each_notebook
def test_it_is_a_valid_notebook_of_the_current_format(path):
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)


@each_notebook
def test_its_parameters_are_a_contract_and_it_carries_no_outputs(path):
    assert Notebook.load(path).problems() == []


@each_notebook
def test_it_works_on_the_day_it_is_given(path):
    notebook = Notebook.load(path)
    day = notebook.parameters["ds"]
    assert (day.kind, day.default) == ("str", None)
    assert any("stage = Stage(ds)" in cell.source for cell in notebook.node.cells)


@each_notebook
def test_its_kernel_is_one_of_ours(path):
    kernel = Notebook.load(path).node.metadata.kernelspec
    assert kernel.name in ("workbench", "data")
    assert (kernel.display_name, kernel.language) == (f"galley {kernel.name}", "python")


@each_notebook
def test_its_cells_are_named_by_words(path):
    ids = [cell.id for cell in Notebook.load(path).node.cells]
    assert len(ids) == len(set(ids))
    assert [name for name in ids if not re.fullmatch(r"[a-z]+(-[a-z]+)*", name)] == []


@each_notebook
def test_it_opens_with_what_to_look_at_and_ends_with_what_it_concludes(path):
    cells = Notebook.load(path).node.cells
    assert cells[0].cell_type == "markdown"
    assert cells[0].source.startswith("# ")
    assert "stage.conclude(" in cells[-1].source


@each_notebook
def test_its_file_says_when_it_runs(path):
    assert re.fullmatch(r"\d\d_[a-z_]+\.ipynb", path.name)
