"""A registry of MLflow's own on SQLite, and days whose training has been done with a tiny model."""

import os
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from shapes import Shape
from tiny_model import ROWS, SHAPES, TARGET, answer, register

from galley.days import Day
from galley.registry import models, promotion
from galley.settings import Settings
from galley.storage import files

if TYPE_CHECKING:
    from mlflow import MlflowClient

Train = Callable[..., Day]

# The rules hold everywhere; the registry itself is the workbench's.
_HOLD_EVERYWHERE = ("test_journal.py", "test_links.py")
_TESTS = [path.name for path in Path(__file__).parent.glob("test_*.py")]
collect_ignore = [] if find_spec("mlflow") else [name for name in _TESTS if name not in _HOLD_EVERYWHERE]


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest) -> Shape:
    """What holds for the example's names has to hold for others."""
    return SHAPES[request.param]


@pytest.fixture
def settings(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch, shape: Shape) -> Settings:
    for name in [name for name in os.environ if name.startswith(("GALLEY_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    shape.declare(tmp_path)
    found = Settings.from_environment({"GALLEY_HOME": str(tmp_path)})
    (found.data / "mlflow").mkdir(parents=True)
    shutil.copy(empty_database, found.data / "mlflow" / "mlflow.db")
    return found


@pytest.fixture
def client(settings: Settings) -> "MlflowClient":
    return models.connect(settings)


@pytest.fixture
def train(settings: Settings, client: "MlflowClient", shape: Shape) -> Train:
    """Train, log and save a day's model as the training stage does, with rows it is judged on."""

    import mlflow
    import mlflow.sklearn
    from sklearn.linear_model import LogisticRegression

    def do(ds: str, estimator: Any = None, saved_as: str = "skops") -> Day:
        day = Day.of(ds, settings)
        fitted = (estimator or LogisticRegression(C=day.date.day)).fit(ROWS, TARGET)
        with mlflow.start_run() as run, files.replacing(day.models) as folder:
            description = mlflow.models.Model(run_id=run.info.run_id)
            settled = {"pip_requirements": ["scikit-learn"], "serialization_format": saved_as}
            mlflow.sklearn.save_model(fitted, folder, mlflow_model=description, **settled)
            mlflow.log_artifacts(str(folder), "model")
        files.write_bytes(shape.judged_on(day), b"a,label\n1,0\n")
        shape.leave_reports(day, (shape.stages[0], shape.review))
        return day

    return do


@pytest.fixture
def approve(train: Train) -> Train:
    """Train, register and approve a day's model, up to and without its promotion."""

    def do(ds: str, estimator: Any = None) -> Day:
        day = train(ds, estimator)
        register(day, {"roc_auc": 0.75})
        answer(day, "Approve")
        return day

    return do


@pytest.fixture
def promote(approve: Train) -> Train:
    """Train a day's model and bring it into production."""

    def do(ds: str) -> Day:
        day = approve(ds)
        promotion.promote(day, ROWS)
        return day

    return do
