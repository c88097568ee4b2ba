"""Server: a process that has imported an environment's libraries and forks a kernel from itself when it is asked.

Run by galley.kernels.warm.client with the environment's own interpreter:

    python -m galley.kernels.warm.server SOCKET LISTENER READY IDLE HOW MODULE...

LISTENER and READY are file descriptors: of the socket with that name, and of a pipe that tells how far it is. HOW is
"now", or "unhurried" where nobody waits: other processes then go first until all is imported.
It imports and computes nothing, and runs no thread, so that what is forked from it is sound. It ends when it had no
kernel for IDLE seconds, and takes no more orders once a file that it has imported was changed.
"""

import gc
import importlib
import mmap
import os
import selectors
import signal
import socket
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from galley.kernels import late
from galley.kernels.keeper import adopt_orphans, end_children, keep_kernels_of
from galley.kernels.warm import protocol
from galley.kernels.warm.launch import IMPORTED, Order, launch

_TIMEOUT = 5.0
"""Seconds that a client has to say what it wants, while no other is heard."""
_LOADING = {
    # What ipykernel sets before a notebook can import matplotlib, which reads it when it is imported.
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    # pyarrow's allocator would start a thread.
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    # The debugger would warn in the server's log, where the reason of a failure is looked for.
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
"""Environment variables that hold while modules are imported, where the client has none of that name."""
_LONGEST_LIST = 1 << 20
"""Bytes for the process ids of kernels, which take memory only where they are written."""

_UNHURRIED = 5
"""Niceness of the server's session while it imports and nobody waits."""

Stamp = dict[str, tuple[int, int, int] | None]
"""Files and folders, and what shows that one was changed."""


def main() -> None:
    """Serve until idle; in a forked child, be the kernel."""
    path, listener, ready, idle = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    unhurried = sys.argv[5] == "unhurried"
    listed = _detach(listener, ready)
    adopt_orphans()
    os.write(ready, f"{os.getpid()}\n".encode())
    if unhurried:
        _be_nice(_UNHURRIED)
    environment = _import([*IMPORTED, *sys.argv[6:]])
    if unhurried:
        _be_nice(0)
    _check_threads()
    server = Server(path, socket.socket(fileno=listener), listed, stamp(_loaded()), idle)
    os.write(ready, b"ready")
    os.close(ready)
    gc.collect()
    gc.freeze()  # a collection in a kernel would copy each page that it shares with this process
    gc.enable()
    order = server.serve()
    if order is not None:
        launch(order, environment)


def _detach(*descriptors: int) -> mmap.mmap:
    """Leave the client's process tree, which waits for the process that it started, and get a keeper for a parent.

    The keeper closes the descriptors, so that this process's end is seen at them. Returns what it knows kernels by.
    """
    if os.fork():
        os._exit(0)
    listed = mmap.mmap(-1, _LONGEST_LIST)
    adopt_orphans()
    if server := os.fork():
        for descriptor in descriptors:
            os.close(descriptor)
        keep_kernels_of(server, listed)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    if sys.path[0] == str(Path.cwd()):  # put there by -m; a kernel does not have it
        del sys.path[0]
    return listed


def _be_nice(niceness: int) -> None:
    """Set the priority of the session, where the kernel of the system has priorities of sessions.

    Not of the process: without rights it could not be set back, and what is forked would have it too.
    """
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(niceness))


def _import(names: Iterable[str]) -> dict[str, str]:
    """Import, and return the environment variables that modules have set."""
    before = {**_LOADING, **os.environ}
    os.environ.update(before)
    gc.disable()  # what modules make stays, and to look through it again and again took a sixth of the time
    late.delay()
    for name in names:
        importlib.import_module(name)
    return {name: value for name, value in os.environ.items() if name not in before}


def _check_threads() -> None:
    """Raise if a thread runs that does not end before a fork: what it holds would be held for ever in the child."""
    if (child := os.fork()) == 0:
        os._exit(0)
    os.waitpid(child, 0)
    threads = [task for task in Path("/proc/self/task").iterdir() if task.name != str(os.getpid())]
    if threads:
        names = ", ".join((task / "comm").read_text().strip() for task in threads)
        raise RuntimeError(f"a module that is imported leaves threads running: {names}")


def _loaded() -> set[str]:
    """The files of all modules that are loaded, and the folders that modules are looked for in."""
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    return {file for file in files if isinstance(file, str)} | set(sys.path)


def stamp(paths: Iterable[str]) -> Stamp:
    """What the files and folders are like now."""
    return {path: _facts(path) for path in paths}


def _facts(path: str) -> tuple[int, int, int] | None:
    try:
        facts = os.stat(path)  # noqa: PTH116 # thousands of them, for each kernel
    except OSError:
        return None
    return facts.st_mtime_ns, facts.st_size, facts.st_ino


@dataclass
class Child:
    """A kernel that was forked, and the connection of whoever asked for it."""

    pid: int
    pidfd: int
    connection: socket.socket


class Server:
    """The listening socket, and the kernels that were forked and have not ended."""

    def __init__(self, path: Path, listener: socket.socket, listed: mmap.mmap, loaded: Stamp, idle: float) -> None:
        self._path = path
        self._listed = listed
        self._loaded = loaded
        self._idle = idle
        self._children: dict[int, Child] = {}
        self._selector = selectors.DefaultSelector()
        self._listener = listener
        self._listener.listen(64)
        self._client = os.fstat(listener.fileno()).st_uid  # who made it; this process may be another user's
        self._is_listening = True
        self._selector.register(self._listener, selectors.EVENT_READ)

    def serve(self) -> Order | None:
        """Fork until idle or replaced, then None. In each forked child it returns what is asked of it."""
        while self._is_listening or self._children:
            events = self._selector.select(None if self._children else self._idle)
            for key, _ in events:
                if key.fileobj is self._listener:
                    order = self._accept()
                    if order is not None:
                        return order
                elif key.data.pid in self._children:
                    self._attend(key.data, key.fileobj)
            if not events:
                self._retire()
        return None

    def _retire(self) -> None:
        """Take no more orders. The name goes first: who finds none starts another server."""
        self._is_listening = False
        with suppress(OSError):  # another user's, whose next client finds that nobody listens
            self._path.unlink()
        self._selector.unregister(self._listener)
        self._listener.close()

    def _accept(self) -> Order | None:
        connection, _ = self._listener.accept()
        connection.settimeout(_TIMEOUT)
        try:
            if protocol.peer_user(connection) != self._client:
                raise protocol.ProtocolError("a process of another user")
            order = Order.receive(connection)
            if stamp(self._loaded) == self._loaded:
                return self._fork(order)
            order.close()
            self._retire()
        except (OSError, protocol.ProtocolError) as error:
            sys.stderr.write(f"refused: {error}\n")
        connection.close()
        return None

    def _fork(self, order: Order) -> Order | None:
        pid = os.fork()
        if pid == 0:
            self._forget()
            return order
        child = Child(pid, os.pidfd_open(pid), order.connection)
        order.close()
        self._children[pid] = child
        self._list()
        self._selector.register(child.pidfd, selectors.EVENT_READ, child)
        self._selector.register(child.connection, selectors.EVENT_READ, child)
        return None

    def _attend(self, child: Child, what: object) -> None:
        """A kernel has ended, or whoever asked for it has."""
        if what is child.connection:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            self._selector.unregister(child.connection)
            return
        _, status = os.waitpid(child.pid, 0)
        del self._children[child.pid]
        self._selector.unregister(child.pidfd)
        os.close(child.pidfd)
        with suppress(KeyError, ValueError):
            self._selector.unregister(child.connection)
        end_children(but=self._children)  # what a kernel left that was killed: those that live have their own
        self._list()
        with suppress(OSError):
            protocol.send(child.connection, {"exit": os.waitstatus_to_exitcode(status)})
        child.connection.close()

    def _list(self) -> None:
        """Say which processes are kernels, for the time when this one is gone."""
        self._listed.seek(0)
        self._listed.write(f"{' '.join(map(str, self._children))}\0".encode())

    def _forget(self) -> None:
        """In a child: let go of what is the server's alone."""
        self._listed.close()
        self._selector.close()
        self._listener.close()
        for child in self._children.values():
            child.connection.close()
            os.close(child.pidfd)


if __name__ == "__main__":
    main()
