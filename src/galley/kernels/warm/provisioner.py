"""Provisioner: how jupyter_client gets a forked kernel, and the usual one wherever that fails."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import Float, List, Unicode

from galley.errors import SettingsError
from galley.kernels.keeper import kill_below
from galley.kernels.user import KernelUser
from galley.kernels.warm.client import Client, NoWarmKernel, private_folder
from galley.kernels.warm.forked import ForkedKernel
from galley.kernels.warm.identity import Identity
from galley.kernels.warm.lifeline import DieWithParent
from galley.settings import warm_kernels

log = logging.getLogger(__name__)

_LAUNCHER = ["-m", "galley.kernels.application"]
_KNOWN = {"cwd", "env", "stdout", "stderr", "extra_arguments", "kernel_id"}
"""Options of a launch that a forked kernel honours. With any other, the kernel is started as usual."""
_GRACE = 1.0
"""Seconds in which most kernels end that are asked to."""


class WarmProvisioner(LocalProvisioner):
    """Forks kernels of an environment from a process that has imported `modules`.

    Its settings are the kernelspec's metadata.kernel_provisioner.config.
    """

    modules = List(Unicode(), help="what the server imports")
    idle = Float(600, help="seconds without a kernel after which the server ends")
    start_timeout = Float(60, help="seconds that a server's start may take")

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Launch a kernel: a forked one, or else as any other."""
        try:
            # In a thread, because a server's start takes as long as its imports.
            kernel = await asyncio.to_thread(self._fork, cmd, **kwargs)
        except NoWarmKernel as reason:
            log.warning("The kernel is started cold: %s", reason)
            kernel = None
        if kernel is None:
            return await super().launch_kernel(cmd, **kwargs)
        self.process = kernel  # type: ignore[assignment]
        self.pid = self.pgid = kernel.pid
        log.info("The kernel was forked: process %s", kernel.pid)
        return self.connection_info

    async def shutdown_requested(self, restart: bool = False) -> None:  # noqa: ARG002 # as it is called
        """Wait a moment for the kernel to end, and see it at once: jupyter_client looks ten times a second."""
        if self.pid is None:
            return
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        with suppress(ProcessLookupError, TimeoutError), pidfd_of(self.pid) as pidfd:
            loop.add_reader(pidfd, ended.set)
            try:
                await asyncio.wait_for(ended.wait(), _GRACE)
            finally:
                loop.remove_reader(pidfd)

    async def send_signal(self, signum: int) -> None:
        """Signal the kernel; one that is to be killed takes what it has started with it."""
        if signum == signal.SIGKILL and self.pid is not None:
            kill_below(self.pid)
        await super().send_signal(signum)

    async def prepare(self, environment: Mapping[str, str], user: KernelUser | None = None) -> None:
        """Start the server that a kernel with that environment will be forked from. Raises NoWarmKernel."""
        launch = await self.pre_launch(env=dict(environment), preexec_fn=DieWithParent(user))
        if self._is_wanted():
            await asyncio.to_thread(self._client(**launch).prepare)

    def _fork(self, cmd: list[str], **kwargs: Any) -> ForkedKernel | None:
        """A forked kernel, or None where none is wanted."""
        if not self._is_wanted():
            return None
        client = self._client(cmd, **kwargs)
        environment = {**kwargs.get("env", os.environ), "JPY_PARENT_PID": str(os.getpid())}
        order = {"arguments": cmd[3:], "folder": kwargs.get("cwd") or os.getcwd(), "environment": environment}  # noqa: PTH109
        with ExitStack() as stack:
            nothing = stack.enter_context(open(os.devnull, "rb"))  # noqa: PTH123
            stdio = [nothing.fileno(), _descriptor(kwargs.get("stdout"), 1), _descriptor(kwargs.get("stderr"), 2)]
            return client.fork(order, stdio)

    def _is_wanted(self) -> bool:
        try:
            return sys.platform == "linux" and warm_kernels()
        except SettingsError as error:
            raise NoWarmKernel(str(error)) from error

    def _client(self, cmd: list[str], **kwargs: Any) -> Client:
        """The client of the server for a launch."""
        python, launcher = cmd[0], cmd[1:3]
        unknown = sorted(name for name in kwargs if name not in _KNOWN and not isinstance(kwargs[name], DieWithParent))
        if launcher != _LAUNCHER or not Path(python).is_absolute() or unknown:
            raise NoWarmKernel(f"{' '.join(unknown or cmd[:3])} cannot be had forked")
        user = next((each.user for each in kwargs.values() if isinstance(each, DieWithParent)), None)
        try:
            identity = Identity.of(python, self.modules, kwargs.get("env", os.environ), user)
        except (OSError, subprocess.SubprocessError) as error:
            raise NoWarmKernel(f"what it would inherit cannot be seen ({error})") from error
        return Client(identity, private_folder(), self.start_timeout, self.idle)


@contextmanager
def pidfd_of(pid: int) -> Iterator[int]:
    """A file descriptor that is readable once the process has ended. Raises ProcessLookupError if it is gone."""
    pidfd = os.pidfd_open(pid)
    try:
        yield pidfd
    finally:
        os.close(pidfd)


def _descriptor(given: Any, inherited: int) -> int:
    if given is None:
        return inherited
    number: int = given if isinstance(given, int) else given.fileno()
    if number < 0:  # subprocess.PIPE and the like
        raise NoWarmKernel("a pipe for its output cannot be had forked")
    return number
