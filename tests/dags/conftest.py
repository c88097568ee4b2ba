"""The DAGs as Airflow parses them, and a home for what operators write."""

import os
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
os.environ.setdefault("GALLEY_HOME", str(HOME))
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"


@pytest.fixture(scope="session")
def dagbag():
    """The DAGs of the project."""
    from moved import DagBag

    return DagBag(HOME / "dags")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A temporary data and outputs, the project's own notebooks."""
    monkeypatch.setenv("GALLEY_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("GALLEY_OUTPUTS", str(tmp_path / "outputs"))
    return tmp_path
