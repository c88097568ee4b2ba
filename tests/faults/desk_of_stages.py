"""What tests of a desk's stages read of their records, beside galley.testing."""

import os
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from galley.storage.files import read_notebook
from galley.testing.desk import DS, Desk, code, containers, kernels, wait_until

__all__ = ["DS", "Desk", "code", "containers", "end_of", "kernels", "printed", "read", "text", "wait_until"]

os.environ.setdefault("JUPYTER_PATH", str(Path(__file__).parents[2] / ".venvs" / "jupyter"))


def text(source: str) -> NotebookNode:
    return nbformat.v4.new_markdown_cell(source)


def read(path: Path) -> NotebookNode:
    return read_notebook(path)


def end_of(path: Path) -> dict[str, Any]:
    """How the run that a notebook records ended."""
    end: dict[str, Any] = read(path).metadata.galley.end
    return end


def printed(cell: NotebookNode) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")
