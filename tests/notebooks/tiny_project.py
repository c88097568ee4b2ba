"""A project in a temporary folder, and stages that run in it with a real kernel."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from galley.days import Day
from galley.run.execute import Execution, Outcome, StageRun
from galley.settings import Settings
from galley.storage import files

HERE = Path(__file__).parents[2]
NOTEBOOKS = HERE / "notebooks"
DS = "2026-11-23"
TINY = {"source": "synthetic", "rows": 120, "late_share": 0.3}
LEFT_BY_LIBRARIES = ("KMP_", "MLFLOW_")
"""How variables begin that libraries set in this process, and with which kernels would get servers of their own."""


def lay_down(database: Path, folder: Path) -> None:
    """Have a project begin with a copy of MLflow's empty database."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(database, folder / "mlflow.db")


def run_stage(notebook: str, environment: dict[str, str], **parameters: Any) -> Outcome:
    """Run a notebook of the project as its task does; raises the error of galley's tree that ends it."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("GALLEY_", *LEFT_BY_LIBRARIES))]:
            patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value)
        settings = Settings.from_environment()
        path = NOTEBOOKS / notebook
        reports = settings.outputs / str(parameters.get("ds")) / path.parent.name
        return Execution(StageRun(path, parameters, reports, path.stem, path.stem), settings).run()


@dataclass(frozen=True)
class Project:
    """A project whose data and outputs are in a folder of their own."""

    folder: Path
    tracking_uri: str = ""

    @property
    def environment(self) -> dict[str, str]:
        return {
            "GALLEY_HOME": str(self.folder),
            "GALLEY_PROJECT": str(HERE / "galley.toml"),
            "GALLEY_NOTEBOOKS": str(NOTEBOOKS),
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
        return run_stage(notebook, self.environment, **{"ds": DS, **parameters}).conclusion or {}

    def forget(self, *stages: str) -> None:
        """Take the accepted runs of stages away, so that no record says what they wrote."""
        for stage in stages:
            (self.day.reports("train_weekly") / f"{stage}.ipynb").unlink()

    def written(self) -> dict[str, str]:
        """The digest of each file that stages hand to each other."""
        data = self.settings.data
        handed_over = (name for name in files.names_in(data) if not name.startswith("mlflow/") and "/." not in name)
        return {name: files.digest(data / name) for name in handed_over}


@dataclass(frozen=True)
class GoodDay:
    """A day on which each stage was run once, and what each concluded."""

    project: Project
    generated: dict[str, Any]
    prepared: dict[str, Any]
    split: dict[str, Any]
    trained: dict[str, Any]
    predicted: dict[str, Any]
