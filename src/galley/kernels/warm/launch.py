"""Launch: how a process that was forked from a server becomes the kernel that a client asked for."""

import atexit
import gc
import io
import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from galley.kernels.keeper import adopt_orphans, end_children
from galley.kernels.warm import protocol
from galley.kernels.warm.lifeline import die_with

_MAGICS = (
    "auto", "basic", "config", "display", "execution", "extension", "history", "logging", "namespace", "osm",
    "packaging", "pylab", "script",
)  # fmt: skip
IMPORTED = (
    "galley.kernels.application", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.debugger",
    "IPython.core.completerlib", "IPython.core.debugger", "IPython.core.logger", "IPython.core.oinspect",
    "IPython.core.pylabtools", "IPython.extensions.storemagic", "sqlite3", "tornado.locks",
    "tornado.platform.asyncio", "tornado.queues", *(f"IPython.core.magics.{name}" for name in _MAGICS),
)  # fmt: skip
"""What each kernel imports when it starts, or at its first magic."""


@dataclass
class Order:
    """What a client asks for: the kernel's arguments, folder and environment, and its stdin, stdout and stderr.

    `lifeline` is a pipe's end: when the client closes the other one, by ending in whatever way, the kernel is killed.
    """

    arguments: list[str]
    folder: str
    environment: dict[str, str]
    stdio: list[int]
    lifeline: int
    connection: socket.socket

    @classmethod
    def receive(cls, connection: socket.socket) -> "Order":
        """The order that comes through a connection."""
        message, descriptors = protocol.receive(connection)
        if len(descriptors) != 4:
            raise protocol.ProtocolError(f"{len(descriptors)} file descriptors instead of four")
        *stdio, lifeline = descriptors
        return cls(message["arguments"], message["folder"], message["environment"], stdio, lifeline, connection)

    def close(self) -> None:
        """Let go of the client's file descriptors; the connection stays."""
        for descriptor in (*self.stdio, self.lifeline):
            os.close(descriptor)


def launch(order: Order, defaults: Mapping[str, str]) -> None:
    """Be the kernel, until it ends. The client is answered once there is something to connect to.

    `defaults` are environment variables that modules have set when they were imported.
    """
    os.setsid()
    die_with(order.lifeline)
    try:
        os.chdir(order.folder)
    except OSError as error:
        protocol.send(order.connection, {"error": str(error)})
        sys.exit(1)
    for number, descriptor in enumerate(order.stdio):
        os.dup2(descriptor, number)
        os.close(descriptor)
    Path("/proc/self/comm").write_text("warm kernel")
    adopt_orphans()
    os.environ.clear()
    os.environ.update({**defaults, **order.environment})
    time.tzset()
    _renew_chance()
    kernel = _initialized(order.arguments)
    pidfd = os.pidfd_open(os.getpid())
    protocol.send(order.connection, {"pid": os.getpid()}, [pidfd])
    os.close(pidfd)
    order.connection.close()
    kernel.start()
    _end()


def _renew_chance() -> None:
    """Draw again what was drawn at random when modules were imported. `random` itself does so at each fork."""
    modules: dict[str, Any] = sys.modules
    if "numpy" in modules:
        modules["numpy"].random.seed()
    if "multiprocessing" in modules:
        modules["multiprocessing"].current_process().authkey = os.urandom(32)


def _initialized(arguments: list[str]) -> Any:
    """The kernel's application, its sockets open."""
    from galley.kernels import application

    sys.argv = [application.__file__, *arguments]
    # 1: neither watch the parent, which is the server, nor tell how to stop a kernel that was started manually.
    kernel: Any = application.KernelApplication.instance(parent_handle=1)
    kernel.initialize()
    return kernel


def _end() -> None:
    """End as an interpreter ends, with what the cells have left behind, but for taking its modules apart.

    That takes longer than the rest of a short stage, because it copies each page that is shared with the server. Python
    ends the children that multiprocessing forks so, too. IPython has let go of the notebook's variables by then.
    """
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    gc.collect()
    for thing in gc.get_objects():
        if type(thing) in (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom) and not thing.closed:
            thing.flush()
    end_children()
    os._exit(0)
