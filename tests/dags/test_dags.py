"""The DAGs as data: they parse, have the shape that was agreed, and pass their notebooks what those declare."""

import sys
from itertools import pairwise

import pytest
from airflow.sdk.bases.sensor import BaseSensorOperator

from galley.airflow.alerts import FailureAlert
from galley.airflow.notebook import NotebookOperator
from galley.notebooks.parameters import Notebook
from galley.settings import Settings

STAGES = ["prepare", "split", "train", "validate", "review", "record", "promote"]
SHAPES = {
    "generate_data": ["generate"],
    "train_weekly": ["wait_for_data", *STAGES[:5], "approval", *STAGES[5:]],
    "predict_daily": ["wait_for_data", "predict"],
    "rollback_model": ["review", "approval", "rollback"],
    "verify_daily": ["verify"],
}
SCHEDULES = {
    "generate_data": "@daily",
    "train_weekly": "0 0 * * MON",
    "predict_daily": "@daily",
    "rollback_model": None,
    "verify_daily": "0 4 * * *",
}


def notebook_tasks(dagbag):
    """Every task of every DAG there is that runs a notebook."""
    return [task for dag in dagbag.dags.values() for task in dag.tasks if isinstance(task, NotebookOperator)]


def faults(task, settings):
    """What keeps a task from running its notebook: parameters that are unknown or lacking, and the notebook's own."""
    notebook = Notebook.load(task.notebook_path(settings))
    required = {name for name, parameter in notebook.parameters.items() if parameter.required}
    unknown, lacking = set(task.parameters) - set(notebook.parameters), required - set(task.parameters)
    return [*(f"unknown {name}" for name in unknown), *(f"lacks {name}" for name in lacking), *notebook.problems()]


def test_every_dag_imports_without_an_error(dagbag):
    assert dagbag.import_errors == {}
    assert set(dagbag.dags) == set(SHAPES)


def test_every_dag_imports_without_a_warning(dagbag):
    assert dagbag.captured_warnings == {}


@pytest.mark.parametrize("dag_id", SHAPES)
def test_a_dag_is_one_line_of_tasks_in_this_order(dagbag, dag_id):
    dag = dagbag.dags[dag_id]
    expected = SHAPES[dag_id]
    edges = {(task.task_id, follower) for task in dag.tasks for follower in task.downstream_task_ids}
    assert [task.task_id for task in dag.topological_sort()] == expected
    assert edges == set(pairwise(expected))


@pytest.mark.parametrize("dag_id", SHAPES)
def test_a_dag_says_what_it_is_for_and_what_to_do_when_it_fails(dagbag, dag_id):
    assert "**Steps.**" in dagbag.dags[dag_id].doc_md
    assert "**If it fails.**" in dagbag.dags[dag_id].doc_md


@pytest.mark.parametrize("dag_id", SHAPES)
def test_a_dag_is_in_the_file_of_its_name_and_never_catches_up(dagbag, dag_id):
    dag = dagbag.dags[dag_id]
    assert dag.fileloc.endswith(f"dags/{dag_id}.py")
    assert dag.schedule == SCHEDULES[dag_id]
    assert dag.catchup is False


@pytest.mark.parametrize("dag_id", SHAPES)
def test_every_task_alerts_when_it_fails(dagbag, dag_id):
    for task in dagbag.dags[dag_id].tasks:
        assert [type(callback) for callback in task.on_failure_callback] == [FailureAlert]


def test_each_task_of_each_dag_gives_its_notebook_what_that_declares_and_all_it_requires(dagbag):
    settings = Settings.from_environment()
    found = {f"{task.dag_id}.{task.task_id}": faults(task, settings) for task in notebook_tasks(dagbag)}
    assert {name: said for name, said in found.items() if said} == {}
    assert len(found) == 12


def test_a_parameter_that_a_notebook_does_not_have_is_noticed_in_any_dag(tmp_path):
    from moved import DagBag

    (tmp_path / "another.py").write_text(
        "from datetime import UTC, datetime\n"
        "from airflow.sdk import DAG\n"
        "from galley.airflow import DS, NotebookOperator\n"
        'with DAG(dag_id="another", start_date=datetime(2026, 1, 1, tzinfo=UTC), schedule=None):\n'
        '    NotebookOperator(task_id="promote", input_nb="train_weekly/07_promote.ipynb", parameters={"smoke": 1})\n'
    )
    settings = Settings.from_environment()
    (task,) = notebook_tasks(DagBag(tmp_path))
    assert faults(task, settings) == ["unknown smoke", "lacks ds"]


def test_every_notebook_is_run_by_a_task(dagbag):
    settings = Settings.from_environment()
    run = {task.notebook_path(settings) for task in notebook_tasks(dagbag)}
    assert run == {path for path in settings.notebooks.glob("*/*.ipynb") if ".ipynb_checkpoints" not in path.parts}


def test_two_stages_run_in_kernels_with_different_libraries(dagbag):
    settings = Settings.from_environment()
    kernels = {
        task.kernel_name or Notebook.load(task.notebook_path(settings)).kernel_name for task in notebook_tasks(dagbag)
    }
    assert kernels == {"data", "workbench"}


def test_only_what_moves_production_is_in_mlflow_who_may(dagbag):
    asking = {(task.dag_id, task.task_id) for task in notebook_tasks(dagbag) if task.mlflow_conn_id}
    assert asking == {("train_weekly", "record"), ("train_weekly", "promote"), ("rollback_model", "rollback")}


def test_sensors_free_their_slot_while_they_wait(dagbag):
    sensors = [task for dag in dagbag.dags.values() for task in dag.tasks if isinstance(task, BaseSensorOperator)]
    assert [sensor.mode for sensor in sensors] == ["reschedule", "reschedule"]


def test_parsing_asks_neither_for_a_variable_nor_for_a_connection_nor_the_database(monkeypatch):
    from airflow.sdk import BaseHook, Variable
    from moved import DagBag
    from sqlalchemy.engine import Engine

    def refuse(*_args, **_kwargs):
        raise AssertionError("asked while a DAG was parsed")

    monkeypatch.setattr(Variable, "get", refuse)
    monkeypatch.setattr(BaseHook, "get_connection", refuse)
    monkeypatch.setattr(Engine, "connect", refuse)
    assert DagBag(Settings.from_environment().home / "dags").import_errors == {}


def test_parsing_does_not_load_what_only_running_needs():
    import subprocess

    code = "import sys, galley.airflow.notebook, galley.airflow.plugin; print([m for m in sys.modules if m in %r])"
    heavy = ("nbconvert", "sklearn", "mlflow", "jupyterlab", "docker", "galley.run.execute")
    printed = subprocess.run([sys.executable, "-c", code % (heavy,)], capture_output=True, text=True, check=True).stdout
    assert printed.splitlines()[-1] == "[]"
