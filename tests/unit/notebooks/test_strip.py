"""A notebook that is stripped has nothing of its runs, and all of what a person wrote."""

import shutil
from pathlib import Path

import pytest
from jupyter_client.manager import start_new_kernel
from jupyter_server.services.contents.filemanager import FileContentsManager
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from galley.notebooks.strip import before_save, strip

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"


def test_outputs_counts_and_times_go_and_text_ids_and_tags_stay():
    ran = new_code_cell("1 + 1", id="sum", execution_count=3, outputs=[new_output("stream", text="2")])
    ran.metadata.update(tags=["parameters"], execution={"iopub.status.busy": "now"}, papermill={"status": "completed"})
    notebook = new_notebook(cells=[new_markdown_cell("# Day", id="day"), ran])
    notebook.metadata.update(kernelspec={"name": "workbench"}, papermill={"duration": 1}, galley={"state": "completed"})
    strip(notebook)
    assert notebook.metadata == {"kernelspec": {"name": "workbench"}}
    assert [(cell.id, cell.source) for cell in notebook.cells] == [("day", "# Day"), ("sum", "1 + 1")]
    assert ran.metadata == {"tags": ["parameters"]}
    assert (ran.outputs, ran.execution_count) == ([], None)


@pytest.fixture(scope="module")
def language_info():
    """What a kernel says of its language, which JupyterLab writes into the notebook that it ran."""
    manager, client = start_new_kernel(kernel_name="python3")
    yield client.kernel_info(reply=True, timeout=60)["content"]["language_info"]
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.mark.parametrize("notebook", sorted(NOTEBOOKS.glob("*_*/*.ipynb")), ids=lambda path: path.stem)
def test_a_notebook_that_jupyterlab_ran_and_saved_is_what_git_has(tmp_path, notebook, language_info):
    shutil.copy2(notebook, tmp_path)
    contents = FileContentsManager(root_dir=str(tmp_path), pre_save_hook=before_save)
    model = contents.get(notebook.name)
    model["content"].metadata["language_info"] = language_info
    for cell in model["content"].cells:
        if cell.cell_type == "code":
            cell.update(execution_count=1, outputs=[new_output("stream", text="seen")])
            cell.metadata["execution"] = {"iopub.status.busy": "now"}
    contents.save(model, notebook.name)
    assert (tmp_path / notebook.name).read_bytes() == notebook.read_bytes()
