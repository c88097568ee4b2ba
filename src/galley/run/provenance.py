"""Provenance: what a run states of where it came from, what it read and wrote, and what it concluded."""

import hashlib
import json
import os
import platform
from datetime import UTC, datetime
from typing import Any

import nbformat
from nbformat import NotebookNode

from galley.notebooks.parameters import Notebook
from galley.run.checkout import git_state
from galley.run.statements import sort_out
from galley.settings import Settings, relative_name
from galley.storage import files


def now() -> str:
    """The time in UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def known_before(notebook: Notebook, settings: Settings) -> dict[str, Any]:
    """What is known before a kernel starts: the source and its commit, the lock, the host."""
    lock = settings.home / "uv.lock"
    return {
        "source": {
            "path": relative_name(notebook.path, settings),
            "sha256": notebook.sha256,
            **({"repaired": "; ".join(notebook.repairs)} if notebook.repairs else {}),
            **git_state(settings.home),
        },
        "lock_sha256": files.digest(lock) if lock.is_file() else None,
        "host": platform.node(),
        "pid": os.getpid(),
    }


def stated(node: NotebookNode) -> dict[str, Any]:
    """The statements of a notebook, gathered: environment, inputs, outputs, and the conclusion or None.

    `findings` says in sentences which statements cannot be read; they count for nothing else.
    """
    said, findings = sort_out(node)
    environments = [statement["environment"] for statement in said if statement["kind"] == "day"]
    conclusions = [statement["values"] for statement in said if statement["kind"] == "conclusion"]
    return {
        "environment": environments[-1] if environments else {},
        "inputs": _files_stated(said, "input"),
        "outputs": _files_stated(said, "output"),
        "conclusion": conclusions[-1] if conclusions else None,
        "findings": findings,
    }


def _files_stated(said: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in s.items() if key != "kind"} for s in said if s["kind"] == kind]


def record_digest(node: NotebookNode) -> str:
    """The SHA-256 of an executed notebook, its own `record_sha256` left out: cells, outputs and all metadata."""
    # As it comes back from a file: nbformat leaves out what it calls transient, and JSON has only texts as keys.
    bare = nbformat.reads(nbformat.writes(node), as_version=4)
    bare.metadata.get("galley", {}).pop("record_sha256", None)
    return hashlib.sha256(json.dumps(bare, sort_keys=True).encode()).hexdigest()
