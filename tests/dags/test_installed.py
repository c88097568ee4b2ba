"""What an Airflow makes of the package once it is installed, and of one that is too old for it."""

import subprocess
import sys
from importlib.metadata import distribution

import airflow
import pytest
from airflow.providers_manager import ProvidersManager
from moved import DagBag

import galley
import galley.airflow
from galley.airflow.notebook import NotebookOperator
from galley.airflow.plugin import GalleyPlugin
from galley.errors import AirflowUnsupported

ELSEWHERE = """
from airflow.sdk import DAG
from galley.airflow import DEFAULT_ARGS, DS, FilesSensor, NotebookOperator, ReviewOperator

with DAG(dag_id="elsewhere", schedule=None, default_args=DEFAULT_ARGS):
    FilesSensor(task_id="files", paths=[f"raw/{DS}/data.csv"]) >> NotebookOperator(
        task_id="review", input_nb="a/review.ipynb", kernel_name="any"
    ) >> ReviewOperator(task_id="approval", subject="The week")
"""


def test_airflow_lists_it_among_its_providers():
    listed = ProvidersManager().providers["airflow-galley"]
    assert listed.version == distribution("airflow-galley").version == galley.__version__


def test_a_dag_file_can_be_imported_where_there_is_no_project(tmp_path, monkeypatch):
    monkeypatch.delenv("GALLEY_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere.py").write_text(ELSEWHERE)
    found = DagBag(tmp_path)
    assert (found.import_errors, list(found.dags)) == ({}, ["elsewhere"])


def test_an_airflow_that_is_too_old_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setattr(airflow, "__version__", "3.0.6")
    said = r"This is Airflow 3\.0\.6, and galley needs 3\.1 or newer.*Upgrade Airflow"
    with pytest.raises(AirflowUnsupported, match=said):
        _ = galley.airflow.NotebookOperator
    with pytest.raises(AirflowUnsupported, match=said):
        GalleyPlugin.on_load()


def test_a_stage_is_run_by_papermills_operator_where_that_is_installed_and_new_enough():
    listed = ProvidersManager().providers.get("apache-airflow-providers-papermill")
    is_there = listed is not None and tuple(map(int, listed.version.split("."))) >= (3, 13, 3)
    modules = {base.__module__ for base in NotebookOperator.__mro__}
    assert ("airflow.providers.papermill.operators.papermill" in modules) == is_there


def test_a_stage_needs_no_papermill_operator():
    code = (
        "import sys; sys.modules['airflow.providers.papermill.operators.papermill'] = None; "
        "from galley.airflow import NotebookOperator; "
        "task = NotebookOperator(task_id='a', input_nb='a.ipynb', kernel_name='data', parameters={'ds': '{{ ds }}'}); "
        "print(task.kernel_name, sorted({'input_nb', 'parameters', 'run_if'} - set(task.template_fields)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[-1] == "data []"


def test_a_task_process_that_imports_the_plugin_imports_nothing_else():
    code = (
        "import sys, airflow.plugins_manager; known = set(sys.modules); import galley.airflow.plugin; "
        "print(*sorted(set(sys.modules) - known))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    ours = {name for name in said.split() if name.startswith("galley")}
    light = ("", ".airflow", ".airflow.dates", ".airflow.empty_runs", ".airflow.plugin", ".public")
    assert ours <= {f"galley{name}" for name in light}
    assert {name for name in said.split() if not name.startswith(("galley", "airflow", "pluggy"))} == set()
