"""A desk: stages of a few cells, run for real in a project of their own, and what they left."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbformat import NotebookNode

from galley.attempts import Attempts
from galley.execute import Execution, Outcome, StageRun
from galley.settings import Settings

os.environ.setdefault("JUPYTER_PATH", str(Path(__file__).parents[2] / ".venvs" / "jupyter"))

DS = "2026-11-23"
DECLARED = "ds: str = None  # the day"


def code(source: str, *tags: str) -> NotebookNode:
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)})


def text(source: str) -> NotebookNode:
    return nbformat.v4.new_markdown_cell(source)


@dataclass(frozen=True)
class Desk:
    """A project in a folder, where stages are written and run."""

    home: Path

    @property
    def settings(self) -> Settings:
        return Settings.from_environment({"GALLEY_HOME": str(self.home)})

    @property
    def reports(self) -> Path:
        return self.settings.outputs / DS / "dag"

    def kernels(self) -> list[psutil.Process]:
        """The kernels that its stages have left."""
        return kernels(self.home)

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

    def execution(self, *cells: str | NotebookNode, name: str = "01_stage", **options: Any) -> Execution:
        """A run that is about to begin, of a notebook of these cells."""
        return Execution(self.asked(self.write(*cells, name=name), **options), self.settings)

    def run(self, *cells: str | NotebookNode, **options: Any) -> Outcome:
        return self.execution(*cells, **options).run()


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def end_of(path: Path) -> dict[str, Any]:
    """How the run that a notebook records ended."""
    end: dict[str, Any] = read(path).metadata.galley.end
    return end


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
