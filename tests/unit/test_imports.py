"""What a process pays for when it runs a stage: not Airflow, and not what only kernels need."""

import subprocess
import sys

import pytest

HEAVY = {"airflow", "pandas", "sklearn", "mlflow", "matplotlib", "scrapbook", "IPython", "flights"}


@pytest.mark.parametrize(
    "module", ["galley.run.execute", "galley.cli", "galley.stage", "galley.settings", "galley.registry.models"]
)
def test_importing_a_module_of_the_core_loads_nothing_heavy(module):
    told = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    assert HEAVY & set(told.stdout.split()) == set()


def test_making_a_page_loads_nothing_heavy():
    code = "import sys; from galley.notebooks.render import prepare; prepare(); print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY & set(told.stdout.split()) == set()


@pytest.mark.parametrize("module", ["galley.settings", "galley.days", "galley.storage.files"])
def test_what_a_dag_file_imports_loads_no_papermill_and_no_nbconvert(module):
    told = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    assert {"papermill", "nbconvert", "nbformat", "nbclient", "pydantic"} & set(told.stdout.split()) == set()


def test_the_first_page_of_a_process_that_prepared_imports_nothing_more():
    code = """
import sys
import nbformat
from galley.notebooks.render import prepare, render
prepare()
there = set(sys.modules)
output = nbformat.v4.new_output("execute_result", {"text/html": "<b>2</b>", "text/plain": "2"})
cells = [nbformat.v4.new_markdown_cell("- a"), nbformat.v4.new_code_cell("1 + 1", outputs=[output])]
assert "<b>2</b>" in render(nbformat.v4.new_notebook(cells=cells), "a stage")
print(sorted(set(sys.modules) - there))
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
