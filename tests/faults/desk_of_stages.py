"""A desk: stages of a few cells, run for real in a project of their own, and what they left."""

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbformat import NotebookNode

from galley.run.attempts import Attempts
from galley.run.execute import Outcome, StageRun
from galley.run.runner import execution_of
from galley.settings import Settings
from galley.storage.files import read_notebook

os.environ.setdefault("JUPYTER_PATH", str(Path(__file__).parents[2] / ".venvs" / "jupyter"))

DS = "2026-11-23"
DECLARED = "ds: str = None  # the day"


def code(source: str, *tags: str) -> NotebookNode:
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})


def text(source: str) -> NotebookNode:
    return nbformat.v4.new_markdown_cell(source)


@dataclass(frozen=True)
class Desk:
    """A project in a folder, where stages are written and run, by the runner that these settings name."""

    home: Path
    runner: dict[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        return Settings.from_environment({"GALLEY_HOME": str(self.home), **self.runner})

    @property
    def reports(self) -> Path:
        return self.settings.outputs / DS / "dag"

    def kernels(self) -> list[psutil.Process]:
        """The kernels that its stages have left."""
        return kernels(self.home)

    def is_quiet(self) -> bool:
        """Whether nothing of its stages runs: no kernel, and no container but one that was made and never started."""
        return not self.kernels() and not (self.runner and containers(self.home.parent, "created"))

    def attempts(self, name: str = "01_stage") -> Attempts:
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
        asked = {"parameters": {"ds": DS}, "reports": self.reports, "name": notebook.stem, "title": "dag · stage"}
        return StageRun(notebook, **{**asked, **options})

    def execution(self, *cells: str | NotebookNode, name: str = "01_stage", **options: Any) -> Any:
        """A run that is about to begin, of a notebook of these cells."""
        return self.execution_of(self.write(*cells, name=name), **options)

    def execution_of(self, notebook: Path, **options: Any) -> Any:
        """A run that is about to begin, of a notebook that was written."""
        return execution_of(self.asked(notebook, **options), self.settings)

    def run(self, *cells: str | NotebookNode, **options: Any) -> Outcome:
        return self.execution(*cells, **options).run()


def read(path: Path) -> NotebookNode:
    return read_notebook(path)


def end_of(path: Path) -> dict[str, Any]:
    """How the run that a notebook records ended."""
    end: dict[str, Any] = read(path).metadata.galley.end
    return end


def wait_until(is_so: Callable[[], Any], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


def printed(cell: NotebookNode) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


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
        told = subprocess.run(
            [*command, "--filter", f"volume={project / 'data'}"], capture_output=True, text=True, check=True
        )
        found += [line.split()[0] for line in told.stdout.splitlines() if line.split()[1] not in but]
    return found
