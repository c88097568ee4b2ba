"""A good day, made once for all tests; a test that spoils something works on a copy of it."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_project import DS, LEFT_BY_LIBRARIES, TINY, GoodDay, Project, lay_down
from written_project import PROJECTS

from galley.init import write_project


@pytest.fixture(autouse=True)
def _same_servers() -> Iterator[None]:
    """Take away what libraries have set meanwhile, so that the next kernels are forked from the servers there are."""
    yield
    for name in [name for name in os.environ if name.startswith(LEFT_BY_LIBRARIES)]:
        del os.environ[name]


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> dict[str, Path]:
    """The folders of projects that init wrote, by their names. They are there all at once, to be on one PYTHONPATH."""
    folder = tmp_path_factory.mktemp("init")
    found = {name: folder / f"my-{name}" for name in PROJECTS}
    for name, home in found.items():
        write_project(home, PROJECTS[name])
        lay_down(empty_database, home / "data" / "mlflow")
    return found


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> GoodDay:
    project = Project(tmp_path_factory.mktemp("project"))
    lay_down(empty_database, project.folder / "data" / "mlflow")
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
