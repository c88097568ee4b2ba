"""What is slightly invalid is repaired and said, or refused with its place: never run first."""

import json
import logging
import re

import nbformat
import pytest

from galley.cli import main
from galley.errors import NotebookError
from galley.notebooks.parameters import Notebook

SPEC = {"name": "data", "display_name": "data", "language": "python"}


def code(source="1", **changed):
    """A code cell as a file has it, with what is changed; None leaves a key out."""
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": source, "outputs": [], "execution_count": None}
    return {key: value for key, value in {**cell, **changed}.items() if value is not ...}


def text(**changed):
    return {"cell_type": "markdown", "id": "b", "metadata": {}, "source": "text", **changed}


@pytest.fixture
def load(tmp_path):
    """Loads a notebook of these cells and of this metadata, as a file has them."""

    def load(*cells, minor=5, **metadata):
        path = tmp_path / "01_stage.ipynb"
        metadata = {"kernelspec": SPEC, **metadata}
        path.write_text(
            json.dumps({"nbformat": 4, "nbformat_minor": minor, "metadata": metadata, "cells": list(cells)})
        )
        return Notebook.load(path)

    return load


def test_a_notebook_that_is_valid_is_left_as_it_is(load):
    notebook = load(code(), text())
    assert notebook.repairs == ()
    assert [cell.id for cell in notebook.node.cells] == ["a", "b"]


@pytest.mark.parametrize(
    ("cells", "metadata", "said"),
    [
        ([], {"kernelspec": {"name": "data", "language": "python"}}, "no display_name (taken as 'data')"),
        ([], {"kernelspec": {"name": "data", "display_name": None}}, "no display_name (taken as 'data')"),
        ([], {"kernelspec": None}, "kernelspec names no kernel"),
        ([], {"kernelspec": {"display_name": "R", "language": "R"}}, "kernelspec names no kernel"),
        ([], {"language_info": {"version": "3"}}, "language_info names no language"),
        ([], {"title": 5}, "metadata title is not valid"),
        ([], {"authors": "me"}, "metadata authors is not valid"),
        ([code(id="x y")], {}, "cell 1 has the id 'x y' (given 'x-y')"),
        ([code(id="")], {}, "cell 1 has the id '' (given 'cell-1')"),
        ([code(id="a" * 65)], {}, "cell 1 has the id"),
        ([code(id=[1])], {}, "cell 1 has the id [1] (given 'cell-1')"),
        ([code(id=...)], {}, "cell 1 has no id (given 'cell-1')"),
        ([code(), code()], {}, "cell 2 has the id 'a', which another cell has too (given 'a-2')"),
        ([code(metadata={"tags": "parameters"})], {}, "(taken as ['parameters'])"),
        ([code(metadata={"tags": ["a,b", "a"]})], {}, "(taken as ['a', 'b'])"),
        ([code(metadata={"tags": None})], {}, "the tags None (taken as [])"),
        ([code(metadata={"collapsed": "yes"})], {}, "metadata collapsed is not valid"),
        ([code(outputs=...)], {}, "no outputs (taken as [])"),
        ([code(execution_count=...)], {}, "no execution_count (taken as None)"),
        ([code(outputs=[{"output_type": "odd"}])], {}, "outputs are not valid"),
        ([code(prompt_number=3)], {}, "prompt_number, which a code cell does not have"),
        ([text(outputs=[])], {}, "outputs, which a markdown cell does not have"),
        ([text(metadata={"tags": ["papermill-error-cell-tag"]})], {}, "cell 1 is papermill's banner about an error"),
        ([code("a = 1", metadata={"tags": ["injected-parameters"]})], {}, "cell 1 is the parameters of a former run"),
    ],
)
def test_what_has_one_obvious_repair_is_repaired_and_said(load, cells, metadata, said):
    notebook = load(*cells, **metadata)
    assert said in "\n".join(notebook.repairs)
    assert said in "\n".join(notebook.problems())
    nbformat.validate(notebook.node)
    assert nbformat.reads(nbformat.writes(notebook.node), as_version=4) == notebook.node


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (code(metadata={"tags": {"parameters": True}}), "cell 1, metadata, tags: {'parameters': True} is not of type"),
        (code(metadata={"tags": [5]}), "cell 1, metadata, tags, 0: 5 is not of type 'string'"),
        (code(metadata={"tags": 5}), "cell 1, metadata, tags: 5 is not of type 'array'"),
        (code(source=5), "cell 1, source: 5 is not valid"),
        (text(attachments={"a.png": {"image/png": 5}}), "cell 1, attachments, a.png, image/png: 5 is not valid"),
        (text(cell_type="heading"), "cell 1"),
    ],
)
def test_what_could_be_repaired_in_several_ways_is_refused_with_its_place(load, cell, said):
    with pytest.raises(NotebookError, match=r"is not a valid notebook: " + re.escape(said)):
        load(cell)


def test_a_repair_is_the_same_each_time(load):
    cells = [code(id=...), code(id="x y"), code(id="x y"), code(id="cell-1")]
    first, second = load(*cells), load(*cells)
    assert [cell.id for cell in first.node.cells] == [cell.id for cell in second.node.cells]
    assert len({cell.id for cell in first.node.cells}) == 4


def test_cells_of_an_older_format_that_have_ids_keep_them(load):
    notebook = load(code(id="mine"), text(id="yours"), minor=4)
    assert [cell.id for cell in notebook.node.cells] == ["mine", "yours"]


def test_a_kernelspec_without_a_name_still_says_the_language(load):
    assert load(kernelspec={"display_name": "R", "language": "R"}).language == "r"


def test_what_a_former_run_gave_is_not_what_this_one_gets(load):
    declared = code("a: int = 1  # a", metadata={"tags": ["parameters"]})
    injected = code("a = 7", id="i", metadata={"tags": ["injected-parameters"]})
    assert [cell.source for cell in load(declared, injected).node.cells] == ["a: int = 1  # a"]


def test_the_check_of_notebooks_finds_what_a_run_would_repair(load, capsys, caplog):
    with caplog.at_level(logging.ERROR):
        path = load(code("ds: str = None  # the day", id="x y", metadata={"tags": ["parameters"]})).path
    assert main(["check", str(path)]) == 1
    assert "cell 1 has the id 'x y' (given 'x-y'). Fix it in the file." in capsys.readouterr().out
    assert caplog.text == ""
