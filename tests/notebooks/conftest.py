"""A good day, made once for all tests; a test that spoils something works on a copy of it."""

import shutil
from pathlib import Path

import pytest
from tiny_project import DS, TINY, GoodDay, Project


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> GoodDay:
    project = Project(tmp_path_factory.mktemp("project"))
    return GoodDay(
        project,
        project.run("generate_data/01_generate.ipynb", **TINY),
        project.run("train_weekly/01_prepare.ipynb"),
        project.run("train_weekly/02_split.ipynb"),
        project.run("train_weekly/03_train.ipynb", settings={"C": 0.1}),
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
