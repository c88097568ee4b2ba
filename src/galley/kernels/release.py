"""Release: whether a kernel's environment has galley at all, and the same release of it as this one."""

import logging
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from galley import __version__
from galley.errors import KernelNotFound

log = logging.getLogger(__name__)

_APPLICATION = "galley.kernels.application"
_TIMEOUT = 60


def require_application(name: str, argv: Sequence[str], environment: Mapping[str, str]) -> None:
    """For a kernel that did not start: raise KernelNotFound if its environment cannot import what starts it."""
    python, _, application = (*argv, "", "", "")[:3]
    if application != _APPLICATION:
        return
    command = [python, "-c", f"import {_APPLICATION}"]
    try:
        tried = subprocess.run(
            command, cwd="/", env=environment, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return
    if tried.returncode:
        raise KernelNotFound(
            f"The kernel {name!r} cannot start: {tried.stderr.strip().splitlines()[-1]}. Its environment needs galley, "
            f"in the release that Airflow's has: {python} -m pip install 'airflow-galley[kernel]=={__version__}'"
        )


def warn_of_another(record: Mapping[str, Any]) -> None:
    """Say in the log that a stage ran with another release of galley than this one's."""
    there = record.get("environment", {}).get("libraries", {}).get("airflow-galley", __version__)
    if there != __version__:
        log.warning(
            "The kernel %r has airflow-galley %s, and this process %s. The stage ran, and its record is whole; install "
            "the same release in both, for another one may state what this one does not know.",
            record.get("kernel", {}).get("name"), there, __version__,
        )  # fmt: skip
