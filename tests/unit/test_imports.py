"""What a process pays for when it runs a stage: not Airflow, and not what only kernels need."""

import subprocess
import sys

import pytest

HEAVY = {"airflow", "pandas", "sklearn", "mlflow", "matplotlib", "scrapbook", "IPython", "flights"}


@pytest.mark.parametrize("module", ["galley.execute", "galley.cli", "galley.stage", "galley.settings"])
def test_importing_a_module_of_the_core_loads_nothing_heavy(module):
    told = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    assert HEAVY & set(told.stdout.split()) == set()


@pytest.mark.parametrize("module", ["galley.settings", "galley.days", "galley.files"])
def test_what_a_dag_file_imports_loads_no_papermill_and_no_nbconvert(module):
    told = subprocess.run(
        [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"], capture_output=True, text=True, check=True
    )
    assert {"papermill", "nbconvert", "nbformat", "nbclient", "pydantic"} & set(told.stdout.split()) == set()
