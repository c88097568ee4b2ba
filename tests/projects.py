"""A project in a temporary folder, with the real DAGs and notebooks, and the command that `make run` calls."""

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from desk import Registry

from galley.local import ports
from galley.settings import Settings

ROOT = Path(__file__).parents[1]
TIMEOUT = 900
"""Seconds after which a run that should end by itself counts as hanging."""


@dataclass(frozen=True)
class Project:
    """A copy of what a user edits; everything that runs write goes into the same folder."""

    home: Path
    ports: dict[str, int]

    @property
    def environment(self):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GALLEY_", "MLFLOW_"))}
        ports_of_ours = {f"GALLEY_{name}_PORT": str(port) for name, port in self.ports.items()}
        return kept | ports_of_ours | {"GALLEY_HOME": str(self.home)}

    def start(self, *words):
        """Start a local command, and hand it over while it runs."""
        return subprocess.Popen(
            [sys.executable, "-m", "galley.cli", *words],
            env=self.environment,
            cwd=self.home,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *words):
        """A local command from its start to its end: exit code and all that it said."""
        process = self.start(*words)
        try:
            said, _ = process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()
        return process.returncode, said

    def processes(self):
        """Processes that belong to this project, wherever in the tree of processes they are."""
        return [process for process in psutil.process_iter() if self._owns(process)]

    def _owns(self, process):
        # By folder too: Airflow's processes that give themselves a title write it over their environment.
        try:
            return Path(process.cwd()).is_relative_to(self.home) or self._is_told_of_home(process)
        except psutil.Error:
            return False

    def _is_told_of_home(self, process):
        return process.environ().get("GALLEY_HOME") == str(self.home)

    def written(self):
        """Every file that runs wrote, with when and what."""
        files = [path for folder in ("data", "outputs") for path in (self.home / folder).rglob("*") if path.is_file()]
        return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@contextmanager
def copy_of(source, home):
    """A fresh project of what a user edits in another. What is left of it is stopped whatever happens."""
    for folder in ("dags", "notebooks"):
        shutil.copytree(source / folder, home / folder)
    shutil.copy(source / "galley.toml", home)
    project = Project(home, {name: ports.free() for name in ("AIRFLOW", "MLFLOW", "LAB")})
    yield project
    for process in project.processes():
        process.kill()


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A fresh project of the example."""
    with copy_of(ROOT, tmp_path_factory.mktemp("project")) as project:
        yield project


@pytest.fixture(scope="module")
def registry(project):
    """The project's MLflow server."""
    registry = Registry(Settings.from_environment(project.environment))
    yield registry
    registry.stop()
