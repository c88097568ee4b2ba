"""JupyterLab of the stack: what it opens runs, and what it saves is stripped."""

import json

import pytest
from lab import Lab


@pytest.mark.parametrize("notebook", ["generate_data/01_generate", "train_weekly/01_prepare", "train_weekly/02_split"])
def test_a_notebook_runs_in_jupyterlab_from_top_to_bottom_and_changes_nothing_of_the_schedule(stack, week, notebook):
    written = [path for path in (stack.home / "data").rglob("*.csv") if path.is_file()]
    before = {path: path.read_bytes() for path in written}
    lab = Lab(stack)
    errors, said = lab.run(f"{notebook}.ipynb")
    assert not errors
    latest = max(path.name for path in (stack.home / "data" / "raw").iterdir())
    assert f"day {latest} (ds was left at None: the latest day there is)" in said
    assert {path: path.read_bytes() for path in written} == before


def test_what_jupyterlab_saves_has_no_outputs(stack):
    lab = Lab(stack)
    source = stack.home / "notebooks" / "generate_data" / "01_generate.ipynb"
    content = json.loads(source.read_text())
    code = next(cell for cell in content["cells"] if cell["cell_type"] == "code")
    code["outputs"], code["execution_count"] = [{"output_type": "stream", "name": "stdout", "text": "seen"}], 7
    lab.save("generate_data/01_generate.ipynb", content)
    saved = json.loads(source.read_text())
    assert all(cell["outputs"] == [] for cell in saved["cells"] if cell["cell_type"] == "code")
    assert [cell["id"] for cell in saved["cells"]] == [cell["id"] for cell in content["cells"]]
