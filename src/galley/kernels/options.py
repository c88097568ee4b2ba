"""Options: what the kernel of a stage is started with beside its kernelspec, whoever wrote that."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_IPYTHON = ("ipykernel", "galley.kernel")
"""How the modules begin that start an IPython kernel, as they stand in kernelspecs."""
_PROGRAMS = Path(__file__).with_name("bin")


def arguments(spec: Any) -> list[str]:
    """The arguments that keep a kernel's history in memory: cells and parameters are nothing for a user's own."""
    return ["--HistoryManager.hist_file=:memory:"] if is_ipython(spec) else []


def environment(spec: Any, given: Mapping[str, str]) -> dict[str, str]:
    """The variables for a kernel: `!python` and `!pip` are its own, also where its environment has no pip."""
    if not is_ipython(spec):
        return dict(given)
    program = Path(shutil.which(spec.argv[0]) or spec.argv[0])
    return {**given, "PATH": path(program, given.get("PATH", os.defpath))}


def path(python: Path, given: str) -> str:
    """PATH for the kernel of an interpreter."""
    return os.pathsep.join([str(python.parent), str(_PROGRAMS), given])


def is_ipython(spec: Any) -> bool:
    """Whether a kernelspec starts an IPython kernel."""
    return any(part.startswith(_IPYTHON) for part in spec.argv)
