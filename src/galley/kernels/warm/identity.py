"""Identity: what a process has from its start and cannot be given afterwards. There is one server for each."""

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from galley.kernels.user import KernelUser

_NAMES = {"CI", "DO_NOT_TRACK", "HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER"}
_PREFIXES = (
    "ARROW_", "BLIS_", "GLIBC_", "GOMP_", "GOTO_", "IPYTHON", "JE_", "JOBLIB_", "JUPYTER_", "KMP_", "LC_", "LD_",
    "LOKY_", "MALLOC_", "MKL_", "MLFLOW_", "MPL", "NPY_", "NUMEXPR_", "NUMPY_", "OMP_", "OPENBLAS_", "OPENSSL_",
    "OTEL_", "PANDAS_", "PYTHON", "SCIPY_", "SKLEARN_", "XDG_",
)  # fmt: skip
"""Environment variables that an interpreter or a library may read when it is loaded, and never again."""
_LATER = {
    "MLFLOW_TRACKING_URI",
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
    "MLFLOW_REGISTRY_URI",
    "MLFLOW_EXPERIMENT_ID",
    "MLFLOW_EXPERIMENT_NAME",
    "MLFLOW_RUN_ID",
}
"""Those among them that are read when they are needed. A server has no password for a kernel of another task to see."""
_PROCESS = Path("/proc/self")
_NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")


@dataclass(frozen=True)
class Identity:
    """An interpreter, the modules that are imported, and the variables and bounds that hold while they are.

    `user` None means that of this process.
    """

    python: str
    modules: tuple[str, ...]
    environment: dict[str, str]
    inherited: tuple[str, ...]
    user: KernelUser | None = None

    @classmethod
    def of(
        cls, python: str, modules: Sequence[str], environment: Mapping[str, str], user: KernelUser | None = None
    ) -> "Identity":
        """The identity of a kernel that this process would start with that environment."""
        read_at_load = {name: value for name, value in environment.items() if _is_read_at_load(name)}
        return cls(python, tuple(modules), read_at_load, _inherited(), user)

    @property
    def digest(self) -> str:
        """A short name that two equal identities share."""
        user = (self.user.uid, self.user.gid, self.user.groups) if self.user else None
        content = [self.python, self.modules, sorted(self.environment.items()), self.inherited, user]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:20]


def _is_read_at_load(name: str) -> bool:
    return (name in _NAMES or name.startswith(_PREFIXES)) and name not in _LATER


def _inherited() -> tuple[str, ...]:
    """What a child has from its parent: limits, control group, namespaces, processors, priority, groups, umask."""
    umask = next(line for line in (_PROCESS / "status").read_text().splitlines() if line.startswith("Umask"))
    return (
        *((_PROCESS / name).read_text() for name in ("limits", "cgroup", "oom_score_adj")),
        *_namespaces(),
        str(sorted(os.sched_getaffinity(0))),
        str(os.nice(0)),
        str((os.getegid(), sorted(os.getgroups()))),
        umask,
    )


def _namespaces() -> list[str]:
    links = [_PROCESS / "ns" / name for name in _NAMESPACES]
    try:
        return [str(link.readlink()) for link in links]
    except PermissionError:
        # A process that hides its memory, as Airflow's tasks do, may not look there. What it starts has the same ones.
        command = ["readlink", *map(str, links)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
