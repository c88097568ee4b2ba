"""The gallery of example DAGs as data: each is in the file of its name, and gives its notebooks what those declare."""

from pathlib import Path

import pytest
from moved import DagBag
from test_dags import faults

from galley import cli
from galley.settings import Settings

GALLERY = Path(__file__).parents[2] / "examples/gallery"
PATHS = sorted((GALLERY / "dags").glob("*.py"))


@pytest.fixture(scope="module")
def gallery():
    return DagBag(GALLERY / "dags")


def operators(task):
    """The task; of one that is mapped, the task for each of the values."""
    if not task.is_mapped:
        return [task]
    ((name, values),) = task.expand_input.value.items()
    return [task.unmap({name: value}) for value in values]


def test_every_dag_imports_without_an_error_or_a_warning(gallery):
    assert (gallery.import_errors, gallery.captured_warnings) == ({}, {})
    assert sorted(gallery.dags) == [path.stem for path in PATHS]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_each_gives_its_notebooks_what_they_declare_and_says_what_to_look_at(gallery, path):
    dag, settings = gallery.dags[path.stem], Settings.from_environment({"GALLEY_HOME": str(GALLERY)})
    stages = [one for task in dag.tasks for one in operators(task) if hasattr(one, "notebook_path")]
    assert [fault for stage in stages for fault in faults(stage, settings)] == []
    assert stages
    assert "**Look at** " in dag.doc_md


def test_every_notebook_of_the_gallery_is_run_by_a_task_and_is_a_stage(gallery, monkeypatch):
    monkeypatch.setenv("GALLEY_HOME", str(GALLERY))
    settings = Settings.from_environment()
    tasks = [one for dag in gallery.dags.values() for task in dag.tasks for one in operators(task)]
    run = {one.notebook_path(settings) for one in tasks if hasattr(one, "notebook_path")}
    assert run == {path for path in settings.notebooks.glob("*/*.ipynb") if ".ipynb_checkpoints" not in path.parts}
    assert cli.main(["check"]) == 0
