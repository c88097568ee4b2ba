"""Client: asks the server of an identity for a kernel, and starts that server where there is none."""

import fcntl
import os
import select
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from galley.kernels.warm import protocol
from galley.kernels.warm.forked import ForkedKernel
from galley.kernels.warm.identity import Identity

_ANSWER = 30.0
"""Seconds that a server has to fork, and the kernel to open its sockets."""
_LONGEST_FOLDER = 60
"""Bytes: a socket's address has 107, and 45 are needed for what is in the folder."""
_REMEMBERED = 300.0
"""Seconds for which a server that could not be started is not tried again."""


class NoWarmKernel(Exception):
    """There is no forked kernel to be had; the text says why."""


def private_folder() -> Path:
    """The folder of this user's sockets, which nobody else can enter. Raises NoWarmKernel where there cannot be one."""
    usual = tempfile.gettempdir()
    parent = usual if len(os.fsencode(usual)) < _LONGEST_FOLDER else "/tmp"  # noqa: S108 # a folder of its own in it
    folder = Path(parent) / f"galley-{os.geteuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
    except OSError as error:
        raise NoWarmKernel(f"{folder} cannot be made ({error.strerror})") from error
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o077:
        raise NoWarmKernel(f"{folder} is not a folder of this user's alone")
    return folder


class Client:
    """One server's socket, log and lock, below `folder`. Seconds for its start, and for which it may be idle."""

    def __init__(self, identity: Identity, folder: Path, start_timeout: float, idle: float) -> None:
        self._identity = identity
        self._socket = folder / f"{identity.digest}.sock"
        self._log = folder / f"{identity.digest}.log"
        self._lock = folder / f"{identity.digest}.lock"
        self._failed = folder / f"{identity.digest}.failed"
        self._start_timeout = start_timeout
        self._idle = idle
        self._user = identity.user.uid if identity.user else os.geteuid()

    def fork(self, order: dict[str, Any], stdio: Sequence[int]) -> ForkedKernel:
        """A new kernel, by the server that runs or by one that is started now. Raises NoWarmKernel."""
        try:
            kernel = self._ask(order, stdio)
            if kernel is None:
                with self._sole():
                    kernel = self._ask(order, stdio)
                    if kernel is None:
                        self._start()
                        kernel = self._ask(order, stdio)
        except TimeoutError as error:
            self._socket.unlink(missing_ok=True)  # so that the next task does not wait for it too
            raise NoWarmKernel(f"its server did not answer in {_ANSWER:g} seconds") from error
        except (OSError, protocol.ProtocolError) as error:
            raise NoWarmKernel(f"{type(error).__name__}: {error}") from error
        if kernel is None:
            raise NoWarmKernel(f"its server ended as soon as it was started; see {self._log}")
        return kernel

    def prepare(self) -> None:
        """Start the server, unhurried, unless it is there or being started. Raises NoWarmKernel."""
        try:
            with self._sole():
                if not self._is_there():
                    self._start(unhurried=True)
        except NoWarmKernel:
            self._failed.unlink(missing_ok=True)  # for want of time, perhaps: the first kernel tries it once more
            raise
        except OSError as error:
            raise NoWarmKernel(f"{type(error).__name__}: {error}") from error

    def _is_there(self) -> bool:
        """Whether somebody listens at the socket."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_ANSWER)
            try:
                connection.connect(str(self._socket))
            except (FileNotFoundError, ConnectionRefusedError):
                return False
            return True

    def _ask(self, order: dict[str, Any], stdio: Sequence[int]) -> ForkedKernel | None:
        """A kernel, or None where no server runs that is of use."""
        with ExitStack() as unless_forked:
            connection = unless_forked.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            connection.settimeout(_ANSWER)
            try:
                connection.connect(str(self._socket))
            except (FileNotFoundError, ConnectionRefusedError):
                return None
            if protocol.peer_user(connection) != self._user:
                raise NoWarmKernel(f"{self._socket} belongs to another user")
            lifeline, ours = os.pipe()
            unless_forked.callback(os.close, ours)
            try:
                protocol.send(connection, order, [*stdio, lifeline])
                answer, descriptors = protocol.receive(connection)
            except (ConnectionError, protocol.ProtocolError):
                return None  # it is idle, replaced or dead
            finally:
                os.close(lifeline)
            if "pid" not in answer:
                raise NoWarmKernel(answer.get("error") or f"the forked process ended with {answer.get('exit')}")
            unless_forked.pop_all()
        return ForkedKernel(answer["pid"], descriptors[0], connection, ours)

    def _start(self, unhurried: bool = False) -> None:
        """Start the server and wait until it is there. Unhurried, it lets others go first meanwhile."""
        if self._failed.exists() and time.time() - self._failed.stat().st_mtime < _REMEMBERED:
            raise NoWarmKernel(self._failed.read_text())
        ready, theirs = os.pipe()
        try:
            with self._log.open("wb") as log, self._bound() as listener:
                command = [self._identity.python, "-m", "galley.kernels.warm.server"]
                descriptors = [listener.fileno(), theirs]
                how = [str(self._idle), "unhurried" if unhurried else "now"]
                arguments = [str(self._socket), *map(str, descriptors), *how, *self._identity.modules]
                subprocess.run(
                    [*command, *arguments],
                    env=self._identity.environment,
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=descriptors,
                    preexec_fn=self._identity.user.become if self._identity.user else None,
                    start_new_session=True,
                    check=True,
                    timeout=self._start_timeout,
                )
        except (OSError, subprocess.SubprocessError) as error:
            os.close(ready)
            raise self._failure(str(error)) from error
        finally:
            os.close(theirs)
        self._await_ready(ready)

    def _bound(self) -> socket.socket:
        """The socket that the server is to listen at, with its name here, where a kernel's user can change nothing."""
        self._socket.unlink(missing_ok=True)  # left by a server that was killed
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self._socket))
        self._socket.chmod(0o600)
        return listener

    def _await_ready(self, ready: int) -> None:
        deadline = time.monotonic() + self._start_timeout
        said = b""
        with open(ready, "rb", buffering=0) as stream:
            while not said.endswith(b"ready"):
                if not select.select([stream], [], [], max(0, deadline - time.monotonic()))[0]:
                    os.kill(int(said.split()[0]), signal.SIGKILL)
                    raise self._failure(f"its imports took more than {self._start_timeout:g} seconds")
                piece = stream.read(64)
                if not piece:
                    raise self._failure(self._last_words())
                said += piece

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return next((line for line in reversed(lines) if line.strip()), "it ended without a word")

    def _failure(self, reason: str) -> NoWarmKernel:
        self._failed.write_text(f"its server does not start: {reason} ({self._log})")
        return NoWarmKernel(self._failed.read_text())

    @contextmanager
    def _sole(self) -> Iterator[None]:
        """Hold the right to start the server, so that two tasks do not start two."""
        deadline = time.monotonic() + self._start_timeout
        with self._lock.open("w") as stream:
            while True:
                try:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise NoWarmKernel("its server is being started by another process") from None
                    time.sleep(0.02)
            yield
