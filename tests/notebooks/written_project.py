"""A project that `galley init` wrote, and stages that run in it with a real kernel."""

import os
from pathlib import Path
from typing import Any

import pytest
from tiny_project import DS, HERE, LEFT_BY_LIBRARIES

from galley.days import Day
from galley.init import PROBLEMS
from galley.run.execute import Execution, StageRun
from galley.settings import Settings

PROJECTS = {problem: problem for problem in PROBLEMS} | {"flavors": "binary"}
"""The kind of problem of each project."""


class Written:
    """A project that init wrote, and what its stages concluded."""

    def __init__(self, homes: dict[str, Path], project: str, patch: pytest.MonkeyPatch, declared: str = "") -> None:
        folder = homes[project]
        with (folder / "galley.toml").open("a") as file:
            file.write(declared)
        self.folder, self.patch = folder, patch
        for name in [name for name in os.environ if name.startswith(LEFT_BY_LIBRARIES)]:
            patch.delenv(name)
        for name, value in {
            "GALLEY_HOME": str(folder),
            "PYTHONPATH": os.pathsep.join(str(home / "src") for home in homes.values()),
            "JUPYTER_PATH": str(HERE / ".venvs" / "jupyter"),
        }.items():
            patch.setenv(name, value)
        self.settings = Settings.from_environment().for_model()
        self.day = Day.of(DS, self.settings)

    def run(self, stage: str, day: Day | None = None, kernel: str | None = None, **parameters: Any) -> dict[str, Any]:
        (notebook,) = self.settings.notebooks.glob(f"*/*_{stage}.ipynb")
        day, stem = day or self.day, notebook.stem
        reports = day.reports(notebook.parent.name)
        asked = StageRun(notebook, {"ds": day.ds, **parameters}, reports, stem, stem, kernel)
        return Execution(asked, self.settings).run().conclusion or {}
