"""A registry of MLflow's own on SQLite, and days whose training has been done with a tiny model."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mlflow", reason="the registry is the workbench's")

import mlflow
import mlflow.sklearn
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from sklearn.linear_model import LogisticRegression

from galley import files, promotion, registered, registry
from galley.days import Day
from galley.settings import Settings

Train = Callable[..., Day]
ROWS = pd.DataFrame({"a": np.arange(20.0), "b": np.arange(20.0) % 3})
TARGET = (ROWS["a"] > 9).astype(int)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow takes seconds to lay out a database, so it does it once and each test gets a copy."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    mlflow.set_tracking_uri(f"sqlite:///{path}")
    MlflowClient().search_experiments()
    return path


@pytest.fixture
def settings(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    for name in [name for name in os.environ if name.startswith(("GALLEY_", "MLFLOW_"))]:
        monkeypatch.delenv(name)
    found = Settings.from_environment({"GALLEY_HOME": str(tmp_path), "GALLEY_MODEL": "tiny"})
    (found.data / "mlflow").mkdir(parents=True)
    shutil.copy(empty_database, found.data / "mlflow" / "mlflow.db")
    yield found
    mlflow.end_run()


@pytest.fixture
def client(settings: Settings) -> MlflowClient:
    return registry.connect(settings)


@pytest.fixture
def train(settings: Settings, client: MlflowClient) -> Train:
    """Train, log and save a day's model as the training stage does, with rows it is judged on."""

    def do(ds: str, estimator: Any = None, trusted: Sequence[str] = ()) -> Day:
        day = Day.of(ds, settings)
        model = (estimator or LogisticRegression(C=day.date.day)).fit(ROWS, TARGET)
        with mlflow.start_run():
            logged = mlflow.sklearn.log_model(
                model, name="model", pip_requirements=["scikit-learn"], skops_trusted_types=list(trusted)
            )
        mlflow.artifacts.download_artifacts(logged.model_uri, dst_path=str(day.models))
        files.write_bytes(day.processed / "val.csv", ROWS.assign(late=TARGET).to_csv(index=False).encode())
        for stage in ("01_prepare", "05_review"):
            files.write_json(day.reports("train_weekly") / f"{stage}.ipynb", {"cells": [], "ds": ds})
        return day

    return do


@pytest.fixture
def approve(train: Train) -> Train:
    """Train, register and approve a day's model, up to and without its promotion."""

    def do(ds: str, estimator: Any = None) -> Day:
        day = train(ds, estimator)
        registered.register(day, {"roc_auc": 0.75})
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


def answer(day: Day, decision: str, reviewer: str = "ada", reason: str = "better than last week") -> None:
    promotion.record(day, decision, reviewer, reason, "2026-11-23T10:00:00Z", "manual__1")
