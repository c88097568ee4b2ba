"""A desk: a project in a folder of its own, whose stages are run for real, and what they left."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import nbformat
import psutil  # type: ignore[import-untyped]
from nbformat import NotebookNode

from galley.run.attempts import Attempts
from galley.run.execute import Outcome, StageRun
from galley.run.runner import execution_of
from galley.settings import Settings
from galley.storage import files
from galley.testing import stage_process

DS = "2026-11-23"
DECLARED = "ds: str = None  # the day"


def code(source: str, *tags: str) -> NotebookNode:
    """A code cell."""
    cell: NotebookNode = nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})
    return cell


@dataclass(frozen=True)
class Desk:
    """A project in a folder, where stages are written and run, with these environment variables beside its own.

    Notebooks that `write` makes belong to a DAG named "dag"; others to the one that their folder is named after.
    """

    home: Path
    environment: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, project: Path, home: Path, **environment: str) -> "Desk":
        """A copy of what a project declares and runs, without data and outputs, with the kernels that `make` made."""
        shutil.copytree(project / "notebooks", home / "notebooks")
        shutil.copy(project / "galley.toml", home)
        kernels_of = os.environ.get("JUPYTER_PATH") or str(project / ".venvs" / "jupyter")
        return cls(home, {"JUPYTER_PATH": kernels_of, **environment})

    @property
    def settings(self) -> Settings:
        """The settings of its stages."""
        return Settings.from_environment({"GALLEY_HOME": str(self.home), **self.environment})

    @property
    def reports(self) -> Path:
        """Where the records of the notebooks are that `write` makes."""
        return self.settings.outputs / DS / "dag"

    def attempts(self, name: str = "01_stage") -> Attempts:
        """The attempts of a notebook that `write` made."""
        return Attempts(self.reports, name)

    def write(self, *cells: str | NotebookNode, name: str = "01_stage", kernel: str = "data") -> Path:
        """A notebook of the parameters cell and these; text is the source of a code cell."""
        path = self.home / "notebooks" / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        spec = {"name": kernel, "display_name": kernel, "language": "python"}
        nodes = [code(DECLARED, "parameters"), *(code(cell) if isinstance(cell, str) else cell for cell in cells)]
        nbformat.write(nbformat.v4.new_notebook(cells=nodes, metadata={"kernelspec": spec}), path)
        return path

    def asked(self, notebook: Path, **options: Any) -> StageRun:
        """What a task would ask for, of the day DS; options are StageRun's."""
        is_own = notebook.parent == self.settings.notebooks
        reports = self.reports if is_own else self.settings.outputs / DS / notebook.parent.name
        asked = {"parameters": {"ds": DS}, "reports": reports, "name": notebook.stem, "title": "dag · stage"}
        return StageRun(notebook, **{**asked, **options})

    def execution(self, *cells: str | NotebookNode, name: str = "01_stage", **options: Any) -> Any:
        """A run that is about to begin, of a notebook of these cells."""
        return self.execution_of(self.write(*cells, name=name), **options)

    def execution_of(self, notebook: Path, **options: Any) -> Any:
        """A run that is about to begin, of a notebook that is there."""
        return execution_of(self.asked(notebook, **options), self.settings)

    def run(self, *cells: str | NotebookNode, **options: Any) -> Outcome:
        """Run a notebook of these cells in this process, whose environment names the project."""
        outcome: Outcome = self.execution(*cells, **options).run()
        return outcome

    def start(self, notebook: Path, **options: Any) -> BaseProcess:
        """Run a notebook as a task does, in a process of its own: `join` it, or `kill` it."""
        own = {"GALLEY_HOME": str(self.home), **self.environment}
        return stage_process.start(self.asked(notebook, **options), self.settings, own)

    def killed_at_each_cell(self, notebook: Path, **options: Any) -> Iterator[int]:
        """Run a notebook once for each number of cells, killed with -9 when so many have begun.

        Yields that number, from 0 on, when nothing of the run is left. A quick run may have completed before its end.
        """
        asked = self.asked(notebook, **options)
        attempts = Attempts(asked.reports, files.safe_name(asked.name))
        for number in range(len(files.read_notebook(notebook).cells) + 1):
            former = attempts.numbers()
            process = self.start(notebook, **options)
            wait_until(lambda: not process.is_alive() or _begun(attempts, former) >= number)  # noqa: B023
            process.kill()
            process.join()
            wait_until(self.is_quiet)
            yield number

    def written(self) -> dict[str, str]:
        """The digest of each file that stages hand to each other, by its name below data; not MLflow's."""
        data = self.settings.data
        handed_over = (name for name in files.names_in(data) if not name.startswith("mlflow/") and "/." not in name)
        return {name: files.digest(data / name) for name in handed_over}

    def kernels(self) -> list[psutil.Process]:
        """The kernels that its stages have left."""
        return kernels(self.home)

    def is_quiet(self) -> bool:
        """Whether nothing of its stages runs: no kernel, and no container but one that was made and never started."""
        in_containers = self.settings.runner == "docker"
        return not self.kernels() and not (in_containers and containers(self.home.parent, "created"))


def wait_until(is_so: Callable[[], Any], seconds: float = 30) -> None:
    """Look again and again; raises AssertionError when it has not come about."""
    deadline = time.monotonic() + seconds
    looked = time.monotonic()
    while not is_so():
        now = time.monotonic()
        if now > deadline:
            raise AssertionError("it did not come about")
        time.sleep(max(0.02, 3 * (now - looked)))  # where a look costs much, what is waited for has the processor
        looked = time.monotonic()


def kernels(folder: Path) -> list[psutil.Process]:
    """The processes that work below a folder and live: kernels, forked or cold, and what they have started.

    By where they work and not by whose children they are: a forked kernel is the child of a server.
    """
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if Path(process.cwd()).is_relative_to(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def containers(folder: Path, *but: str) -> list[str]:
    """The containers of stages of projects right below a folder, those that have ended too, but not in these states."""
    command = ["docker", "ps", "--all", "--filter", "label=galley.stage", "--format", "{{.ID}} {{.State}}"]
    found = []
    for project in folder.iterdir():
        listed = subprocess.run(
            [*command, "--filter", f"volume={project / 'data'}"], capture_output=True, text=True, check=True
        )
        found += [line.split()[0] for line in listed.stdout.splitlines() if line.split()[1] not in but]
    return found


def _begun(attempts: Attempts, former: list[int]) -> int:
    """How many cells of a run that follows these attempts have begun; -1 if its record has not."""
    numbers = attempts.numbers()
    node = attempts.read(numbers[-1]) if numbers and numbers != former else None
    if node is None:
        return -1
    return sum(cell.metadata.get("papermill", {}).get("status") in ("running", "completed") for cell in node.cells)
