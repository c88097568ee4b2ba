"""Resources: what a machine has too little of, by the error that says so, and what to raise then."""

import errno
import re
import resource
from pathlib import Path

from galley.errors import GalleyError, OutOfMemory, ResourceExhausted, SettingsError

FILES_NEEDED = 256
"""Open files that a stage must be allowed: its kernel, with the libraries of the workbench, has a hundred."""
_ERROR_NUMBER = re.compile(r"\[Errno (\d+)\]", re.IGNORECASE)
_SAID = {"disk is full": errno.ENOSPC, "Cannot allocate memory": errno.ENOMEM, "Unable to allocate": errno.ENOMEM}
"""What libraries say that keep the error's number to themselves."""
_OUT_OF_MEMORY = {"MemoryError", "ArrowMemoryError"}
_CGROUP = Path("/sys/fs/cgroup")
_MEMORY = {
    "limit": ("memory.max", "memory/memory.limit_in_bytes"),
    "peak": ("memory.peak", "memory/memory.max_usage_in_bytes"),
    "events": ("memory.events", "memory/memory.oom_control"),
}
"""What a container's cgroup says of its memory, in version 2 and in version 1."""
_NO_LIMIT = 1 << 60
"""Bytes; version 1 has a number for "no limit" that is no multiple of anything."""


def missing(ename: str, evalue: str) -> int | None:
    """The errno of the resource that an error says there is none left of; None for any other error."""
    if ename in _OUT_OF_MEMORY:
        return errno.ENOMEM
    numbers = [int(number) for number in _ERROR_NUMBER.findall(evalue)]
    numbers += [number for words, number in _SAID.items() if words in evalue]
    return next((number for number in numbers if number in _ADVICE), None)


def advice(number: int) -> str:
    """What to do about that resource; empty for an errno of something else."""
    text = _ADVICE.get(number, "")
    return text.format(files=_open_files()[0], memory=memory_limits())


def exhausted(error: BaseException) -> ResourceExhausted | None:
    """The error of galley's tree for one that a resource was missing; None for any other."""
    number = missing(type(error).__name__, "")
    if isinstance(error, OSError) and error.errno in _ADVICE:
        number = error.errno
    return None if number is None else ResourceExhausted(f"{type(error).__name__}: {error}. {advice(number)}")


def of_disk(error: OSError) -> GalleyError | None:
    """The error of galley's tree for a file that a command cannot, or may not, write; None for any other."""
    if isinstance(error, PermissionError):
        return SettingsError(f"{error.filename}: {error.strerror}. Let the user who runs this read and write there.")
    return exhausted(error)


def allow_open_files() -> None:
    """Raise this process's limit of open files to what a stage needs. Raises ResourceExhausted where it may not."""
    soft, hard = _open_files()
    if soft == resource.RLIM_INFINITY or soft >= FILES_NEEDED:
        return
    if hard != resource.RLIM_INFINITY and hard < FILES_NEEDED:
        raise ResourceExhausted(
            f"A process may have {hard} files open here, and a stage needs {FILES_NEEDED}. {advice(errno.EMFILE)}"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES_NEEDED, hard))


def memory_limits() -> str:
    """The limits of memory that hold for this process, in words."""
    limits = []
    address_space = resource.getrlimit(resource.RLIMIT_AS)[0]
    if address_space != resource.RLIM_INFINITY:
        limits.append(f"ulimit -v allows {_megabytes(address_space)}")
    container = memory_limit()
    if container:
        limits.append(f"the container allows {_megabytes(container)}")
    return " and ".join(limits) or "no limit but the machine's own is set"


def memory_limit() -> int:
    """Bytes that the container which this process is in may use; 0 without a container or a limit."""
    limit = _of_cgroup("limit")
    return int(limit) if limit.isdecimal() and int(limit) < _NO_LIMIT else 0


def memory_kills() -> int:
    """How many processes of the container were killed because it, or the machine, had no memory left."""
    return next((int(line.split()[1]) for line in _of_cgroup("events").splitlines() if line.startswith("oom_kill ")), 0)


def out_of_memory(kernel: str) -> OutOfMemory:
    """The error for a kernel that was killed for memory: what the limit is, what the peak was, and what to do."""
    peak = _of_cgroup("peak")
    return OutOfMemory(
        f"The kernel {kernel!r} was killed for memory: the container allows {_megabytes(memory_limit())}, and used "
        f"{_megabytes(int(peak)) if peak else 'all of it'} at its peak. Give it more (memory= of the operator, or, "
        f"unless it is a pod, in [kernels.{kernel}] of galley.toml), or hold less at once in the marked cell."
    )


def _of_cgroup(what: str) -> str:
    found = (_CGROUP / name for name in _MEMORY[what])
    return next((path.read_text().strip() for path in found if path.is_file()), "")


def _open_files() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.0f} MB"


_ADVICE = {
    errno.ENOSPC: "The disk is full. Make room on it; the stage is tried again.",
    errno.EDQUOT: "The user's quota of the disk is used up. Make room, or raise the quota; the stage is tried again.",
    errno.EROFS: "The file system is read-only. Mount it writable (the machine's log says why it is not).",
    errno.EMFILE: "The limit of open files is {files}. Raise it: ulimit -n 1024, LimitNOFILE= of a systemd unit, "
    "ulimits: nofile of a container.",
    errno.ENFILE: "All processes together have too many files open. Raise the machine's fs.file-max.",
    errno.ENOMEM: "There is not enough memory ({memory}). Give the machine or the container more, or run fewer tasks "
    "at once (AIRFLOW__CORE__PARALLELISM).",
}
