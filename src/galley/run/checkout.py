"""Checkout: the commit that code comes from, as git tells it, or whoever built the image that the code is in."""

import os
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

IMAGE_CHECKOUT = "IMAGE_CHECKOUT"
"""The variable of an image that says what it was built from: the commit, and CHANGED if anything differed from it."""
CHANGED = "+changes"


@cache
def git_state(folder: Path) -> dict[str, Any]:
    """The commit that is checked out and whether anything differs from it; both None where nobody can tell.

    In an image it is the commit that the image was built from. Nothing is known to be clean there: notebooks are
    mounted, and may have changed since.
    """
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return {"git_commit": commit, "git_clean": _git(folder, "status", "--porcelain") == ""}
    except (OSError, subprocess.SubprocessError):
        built_from = os.environ.get(IMAGE_CHECKOUT, "")
        return {
            "git_commit": built_from.removesuffix(CHANGED) or None,
            "git_clean": False if built_from.endswith(CHANGED) else None,
        }


def for_image(folder: Path) -> str:
    """What an image that is built from this folder says of it; empty where git cannot tell."""
    state = git_state(folder)
    return (state["git_commit"] or "") + CHANGED * (state["git_clean"] is False)


def described(source: Mapping[str, Any], length: int | None = None) -> str:
    """The commit in a record's `source`, cut to a length, and what is known of changes; empty if there is none."""
    commit: str = (source.get("git_commit") or "")[:length]
    changes = {True: "", False: " and changes to it", None: ", perhaps with changes to it"}
    return commit and commit + changes[source.get("git_clean")]


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
