"""Papermill, without the library of Google's storage that it imports wherever that is installed.

That is a second of a processor in each process, and galley hands it notebooks that it has read. Whoever else has
Papermill read or write there, in the same process, gets the library then.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

_LIBRARY = "gcsfs"


def _import() -> None:
    if "papermill.iorw" in sys.modules or _LIBRARY in sys.modules or find_spec(_LIBRARY) is None:
        return
    sys.modules[_LIBRARY] = None  # type: ignore[assignment] # as if it were not installed
    try:
        iorw: Any = import_module("papermill.iorw")
    finally:
        del sys.modules[_LIBRARY]
    iorw.GCSFileSystem, iorw.gs_is_retriable = _file_system, _is_retriable


def _file_system(*arguments: Any, **options: Any) -> Any:
    return import_module(_LIBRARY).GCSFileSystem(*arguments, **options)


def _is_retriable(error: Any) -> Any:
    return import_module(f"{_LIBRARY}.retry").is_retriable(error)


_import()

from papermill.clientwrap import PapermillNotebookClient  # noqa: E402
from papermill.engines import NotebookExecutionManager  # noqa: E402
from papermill.exceptions import PapermillException  # noqa: E402
from papermill.iorw import load_notebook_node  # noqa: E402
from papermill.parameterize import parameterize_notebook  # noqa: E402

__all__ = [
    "NotebookExecutionManager",
    "PapermillException",
    "PapermillNotebookClient",
    "load_notebook_node",
    "parameterize_notebook",
]
