"""Lifeline: how a kernel is killed when the process that wants it is gone, however that ended.

The operating system does it. What waits in the kernel, as ipykernel's own look at its parent, needs a free interpreter,
which a busy library does not leave it.
"""

import ctypes
import fcntl
import os
import select
import signal
import sys

from galley.kernels.user import KernelUser

_F_SETSIG = 10
"""fcntl's command on Linux, which Python has no name for."""
_SET_PARENT_DEATH_SIGNAL = 1
_LIBC = ctypes.CDLL(None)  # loaded here: between fork and exec nothing can be


class DieWithParent:
    """For a child, as subprocess's preexec_fn: it is `user`, if there is one, and killed when this process is gone."""

    def __init__(self, user: KernelUser | None = None) -> None:
        self.user = user
        self._parent = os.getpid()

    def __call__(self) -> None:
        """Run in the child, before its program."""
        if self.user is not None:
            self.user.become()  # first, because it ends what is set below
        if sys.platform == "linux":
            _LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
            if os.getppid() != self._parent:
                os._exit(1)


def die_with(pipe: int) -> None:
    """For another's child: this process's group is killed when the pipe's other end is closed."""
    fcntl.fcntl(pipe, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(pipe, _F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    poller = select.poll()
    poller.register(pipe, 0)
    if poller.poll(0):  # closed before this was set
        os.killpg(os.getpgrp(), signal.SIGKILL)
