"""Notebooks that other tools wrote, slightly invalid: repaired and said, or refused before a kernel starts."""

import json
import logging

import pytest
from desk_of_stages import code, end_of, printed, read

from galley.errors import NotebookError, StageFailed

pytestmark = pytest.mark.usefixtures("kind_of_kernel")


def change(path, change):
    """Change a notebook's content as a file has it, past all that would keep it valid."""
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return path


def without_display_name(content):
    del content["metadata"]["kernelspec"]["display_name"]


def with_a_blank_in_an_id(content):
    content["cells"][1]["id"] = "x y"


def with_tags_that_are_no_list(content):
    content["cells"][0]["metadata"]["tags"] = "parameters"


SLIGHTLY_INVALID = [without_display_name, with_a_blank_in_an_id, with_tags_that_are_no_list]


@pytest.mark.parametrize("fault", SLIGHTLY_INVALID)
def test_a_notebook_that_is_slightly_invalid_runs_once_and_its_record_says_what_was_repaired(desk, fault, caplog):
    with caplog.at_level(logging.WARNING):
        outcome = desk.execution_of(change(desk.write("print('all is well')"), fault)).run()
    node = read(outcome.notebook)
    assert printed(node.cells[2]) == "all is well\n"
    assert node.metadata.galley.source.repaired
    assert node.metadata.galley.source.repaired in caplog.text
    assert "source repaired" in outcome.page.read_text()
    assert desk.attempts().numbers() == [1]


@pytest.mark.parametrize("fault", SLIGHTLY_INVALID)
def test_the_error_of_a_cell_is_not_hidden_by_what_was_invalid(desk, fault):
    execution = desk.execution_of(change(desk.write("1 / 0"), fault))
    with pytest.raises(StageFailed, match="ZeroDivisionError: division by zero"):
        execution.run()
    assert end_of(desk.attempts().path(1))["cell"] == 2


def test_a_notebook_that_cannot_be_repaired_is_refused_before_a_cell_runs(desk, tmp_path):
    def fault(content):
        content["cells"][1]["metadata"]["tags"] = {"a": 1}

    execution = desk.execution_of(change(desk.write(f"open({str(tmp_path / 'ran')!r}, 'w')"), fault))
    with pytest.raises(NotebookError, match="cell 2, metadata, tags"):
        execution.run()
    assert not (tmp_path / "ran").exists()


def test_what_papermill_marked_in_a_former_run_is_not_on_the_page_of_this_one(desk):
    banner = code("raise RuntimeError('of a former run')", "injected-parameters")
    outcome = desk.run(banner, code("1 / 0", "papermill-error-cell-tag"), "print(ds)")
    assert [cell.source for cell in read(outcome.notebook).cells][2:] == ["print(ds)"]
