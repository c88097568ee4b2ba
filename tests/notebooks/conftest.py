"""A project in a temporary folder, and stages that run in it with a real kernel.

A good day is made once for all tests; a test that spoils something works on a copy of it.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import papermill
import pytest
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from galley import errors, evidence, files
from galley.days import Day
from galley.settings import Settings

HERE = Path(__file__).parents[2]
NOTEBOOKS = HERE / "notebooks"
DS = "2026-11-23"
TINY = {"source": "synthetic", "rows": 120, "late_share": 0.3}


def run_stage(
    notebook: str, environment: dict[str, str], record: Path | None = None, **parameters: Any
) -> NotebookNode:
    """Execute a notebook of the project and return it; `record` is where it is kept, also when it fails.

    Raises the error of the tree in galley.errors that the notebook raised, or RuntimeError for any other.
    """
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("GALLEY_", "MLFLOW_"))]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        try:
            return papermill.execute_notebook(NOTEBOOKS / notebook, record, parameters, progress_bar=False)
        except PapermillExecutionError as error:
            raise getattr(errors, error.ename, RuntimeError)(error.evalue) from error


@dataclass(frozen=True)
class Project:
    """A project whose data and outputs are in a folder of their own."""

    folder: Path
    tracking_uri: str = ""

    @property
    def environment(self) -> dict[str, str]:
        return {
            "GALLEY_HOME": str(self.folder),
            "MLFLOW_TRACKING_URI": self.tracking_uri,
            "JUPYTER_PATH": str(HERE / ".venvs" / "jupyter"),
        }

    @property
    def settings(self) -> Settings:
        return Settings.from_environment(self.environment)

    @property
    def day(self) -> Day:
        return Day.of(DS, self.settings)

    def run(self, notebook: str, **parameters: Any) -> dict[str, Any]:
        """What the stage concluded; it works on DS unless told otherwise."""
        node = run_stage(notebook, self.environment, **{"ds": DS, **parameters})
        concluded: dict[str, Any] = evidence.stated(node)["conclusion"]
        return concluded

    def written(self) -> dict[str, str]:
        """The digest of each file that stages hand to each other."""
        data = self.settings.data
        return {name: files.digest(data / name) for name in files.names_in(data) if not name.startswith("mlflow/")}


@dataclass(frozen=True)
class GoodDay:
    """A day on which each stage was run once, and what each concluded."""

    project: Project
    generated: dict[str, Any]
    prepared: dict[str, Any]
    split: dict[str, Any]
    trained: dict[str, Any]
    predicted: dict[str, Any]


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> GoodDay:
    project = Project(tmp_path_factory.mktemp("project"))
    return GoodDay(
        project,
        project.run("generate_data/01_generate.ipynb", **TINY),
        project.run("train_weekly/01_prepare.ipynb"),
        project.run("train_weekly/02_split.ipynb"),
        project.run("train_weekly/03_train.ipynb", settings={"max_iter": 5}),
        project.run("predict_daily/01_predict.ipynb", model_uri=f"models/{DS}"),
    )


@pytest.fixture
def project(good: GoodDay, tmp_path: Path) -> Project:
    """A copy of the good day, to be spoiled."""
    shutil.copytree(good.project.folder, tmp_path / "project")
    return Project(tmp_path / "project")


@pytest.fixture
def empty_project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")
