"""A notebook that is stripped has nothing of its runs, and all of what a person wrote."""

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from galley.notebooks.strip import strip


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
