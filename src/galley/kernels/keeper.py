"""Keeper: a kernel's parent process, which ends, when the kernel has ended, whatever that left behind.

A process that a cell has started may leave the kernel's session and lose its parents: setsid, a double fork, a server
in the background. On Linux it becomes a child of the keeper then, and of nobody who would let it live. A forked kernel
is its own keeper while it lives, its server is when it was killed, and the server's parent when both were: to fork all
that a kernel has imported once more, only for a parent, would take as long as the rest of its start.
"""

import ctypes
import mmap
import os
import signal
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

_SET_PARENT_DEATH_SIGNAL = 1
_GET_PARENT_DEATH_SIGNAL = 2
_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None)
_HEARD = [signal.SIGINT, signal.SIGTERM, signal.SIGCHLD]
"""Signals that wait until a keeper asks for the next one, so that none comes upon it between two steps."""
_TIMEOUT = 5.0
"""Seconds for which processes are killed that go on to start others."""


def keep() -> None:
    """Fork: the child returns and is the kernel, in a group of its own; the parent keeps it and ends as it does.

    The parent passes on SIGINT, and takes SIGTERM, or the end of its own parent if that is to end it, for the order to
    end everything.
    """
    if sys.platform != "linux":
        return
    keeper = os.getpid()
    adopt_orphans()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)
    kernel = os.fork()
    if kernel:
        with suppress(OSError):  # it may have done so, and started its program, already
            os.setpgid(kernel, kernel)
        _keep(kernel)
    _LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != keeper:
        os._exit(1)
    os.setpgid(0, 0)  # so that a cell which kills its group leaves the keeper
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _keep(kernel: int) -> None:
    _end_when_told_and_not_at_once()
    os.chdir("/")
    code = os.waitstatus_to_exitcode(_end_of(kernel))
    end_children()
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [-code])
        os.kill(os.getpid(), -code)
    os._exit(abs(code))


def keep_kernels_of(server: int, listed: mmap.mmap) -> NoReturn:
    """Wait for the end of a child that forks kernels, and then of those that live on; kill what they leave.

    In `listed`, which they share, the server keeps the kernels' process ids, up to a NUL.
    """
    Path("/proc/self/comm").write_text("warm keeper")
    os.waitpid(server, 0)
    kernels = set(map(int, listed[: listed.find(b"\0")].split()))
    with suppress(ChildProcessError):  # there is none any more
        while True:
            end_children(but=kernels)
            kernels.discard(os.wait()[0])
    os._exit(0)


def _end_of(kernel: int) -> int:
    """Pass signals on until it has ended, and return its status."""
    while True:
        number = signal.sigwait(_HEARD)
        if number == signal.SIGINT:
            os.killpg(kernel, number)
        elif number == signal.SIGTERM:
            os.kill(kernel, signal.SIGKILL)
        else:  # of any number of children
            for pid, status in iter(lambda: os.waitpid(-1, os.WNOHANG), (0, 0)):
                if pid == kernel:
                    return status


def _end_when_told_and_not_at_once() -> None:
    """Where this process is to be killed with its parent, be asked to end instead, so that nothing is left."""
    number = ctypes.c_int()
    _LIBC.prctl(_GET_PARENT_DEATH_SIGNAL, ctypes.byref(number))
    if number.value:
        _LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)


def adopt_orphans() -> None:
    """Become the parent of processes below this one whose own parent ends, in the place of the system's first."""
    if sys.platform == "linux":
        _LIBC.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_children(but: Collection[int] = ()) -> None:
    """Kill the children of this process, and those that it adopts by that, but for some of them."""
    deadline = time.monotonic() + _TIMEOUT
    while _has_children() and time.monotonic() < deadline:
        children = [pid for pid in _parents_to_children().get(os.getpid(), []) if pid not in but]
        for pid in children:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        for pid in children:
            with suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        if not children:
            return
        time.sleep(0.002)


def _has_children() -> bool:
    """Whether there is any, ended or not: asked of the system, as to look through /proc takes a while."""
    with suppress(ChildProcessError):
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return True
    return False


def kill_below(pid: int) -> bool:
    """Kill all that a process has started, at any depth, and return whether there was anything."""
    tree = _parents_to_children()
    level = found = tree.get(pid, [])
    while level:
        level = [child for parent in level for child in tree.get(parent, [])]
        found = found + level
    alive = [one for one in found if _state(one)[0] != "Z"]
    for one in alive:
        with suppress(OSError):
            os.kill(one, signal.SIGKILL)
    return bool(alive)


def _parents_to_children() -> dict[int, list[int]]:
    tree: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*") if sys.platform == "linux" else ():
        _, parent = _state(int(folder.name))
        tree.setdefault(parent, []).append(int(folder.name))
    return tree


def _state(pid: int) -> tuple[str, int]:
    """A process's state, "Z" if it has ended, and its parent."""
    try:
        # Behind its name, in which anything may stand.
        state, parent = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
    except (OSError, ValueError):
        return "Z", 0
    return state, int(parent)
