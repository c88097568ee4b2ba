"""Services: long-running processes that start together and never outlive the one that started them."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import psutil  # type: ignore[import-untyped]

from galley.kernels.user import KernelUser
from galley.local.errors import ServiceEnded

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Someone asked this process to end, by Ctrl-C or a signal. No error: a way out through every `finally`."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum


@dataclass(frozen=True)
class Service:
    """One process to keep running: what to start, with what environment, in which folder.

    `grace` is the seconds that it gets to end by itself when it is asked to; `user` None is who starts it.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    grace: float = 20.0
    user: KernelUser | None = None


class Services:
    """A set of running services, each in a session of its own, with its output in a log file.

    Leaving the block stops them, last started first, and then ends every process that they left behind: Airflow's
    task processes and notebook kernels are in sessions of their own, where no signal to a group reaches them.
    """

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._running: list[tuple[Service, subprocess.Popen[bytes]]] = []
        self._handlers: dict[int, Any] = {}
        self._not_ours: set[int] = set()
        self._in_a_hurry = False

    def __enter__(self) -> Self:
        _prctl(_PR_SET_CHILD_SUBREAPER)
        self._not_ours = {child.pid for child in psutil.Process().children()}
        self._handlers = {number: signal.signal(number, _raise_stopped) for number in _ENDING_SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # From here on another Ctrl-C cannot leave anything half stopped: it only ends the patience.
        for number in _ENDING_SIGNALS:
            signal.signal(number, self._hurry)
        try:
            self.stop()
        finally:
            for signum, handler in self._handlers.items():
                signal.signal(signum, handler)

    def start(self, service: Service) -> None:
        """Start one more service."""
        with self.log(service.name).open("wb") as log:
            process = subprocess.Popen(
                service.command,
                env=dict(service.environment),
                cwd=service.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Not in the terminal's group: Ctrl-C reaches this process alone, which then stops them in order.
                start_new_session=True,
                preexec_fn=_end_with_parent(os.getpid(), service.user),
            )
        self._running.append((service, process))

    def log(self, name: str) -> Path:
        """The file that a service's output goes to."""
        self.logs.mkdir(parents=True, exist_ok=True)
        return self.logs / f"{name}.log"

    def check(self) -> None:
        """Raise ServiceEnded if one of them has ended by itself."""
        for service, process in self._running:
            if process.poll() is not None:
                log = self.log(service.name)
                raise ServiceEnded(
                    f"{service.name} ended with exit code {process.returncode}. Its last lines:\n{last_lines(log)}\n"
                    f"Fix that and start again. The whole log: {log}"
                )

    def stop(self) -> None:
        """End every service, and then whatever they left behind."""
        # Last first: what was started later needs what was started earlier to say goodbye to.
        for service, process in reversed(self._running):
            _signal_group(process, signal.SIGTERM)
            self._wait(process, service.grace)
            _signal_group(process, signal.SIGKILL)
        self._running.clear()
        self._sweep()

    def _wait(self, process: subprocess.Popen[bytes], grace: float) -> None:
        deadline = time.monotonic() + grace
        while process.poll() is None and time.monotonic() < deadline and not self._in_a_hurry:
            time.sleep(0.05)

    def _sweep(self) -> None:
        while left := [child for child in psutil.Process().children() if child.pid not in self._not_ours]:
            family = [*left, *(process for child in left for process in _descendants(child))]
            for process in family:
                _kill(process)
            psutil.wait_procs(family, timeout=1)

    def _hurry(self, _signum: int, _frame: FrameType | None) -> None:
        self._in_a_hurry = True


def last_lines(path: Path, count: int = 15) -> str:
    """The end of a log, indented, to be read in a message."""
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    return "\n".join(f"    {line}" for line in lines[-count:]) or "    (nothing)"


def _raise_stopped(signum: int, _frame: FrameType | None) -> None:
    raise Stopped(signum)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
    if number == signal.SIGKILL:
        process.wait()


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        return list(process.children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _kill(process: psutil.Process) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill()


def _end_with_parent(parent: int, user: KernelUser | None) -> Callable[[], None]:
    """What a new child does first, so that it is asked to end even when its parent is killed outright."""

    def ask() -> None:
        if user is not None:
            user.become()  # first, because it ends what is set below
        _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def _prctl(option: int, value: int = 1) -> None:
    """Linux's prctl(2). Elsewhere there is no such thing: services end by signals to their groups alone."""
    if sys.platform == "linux":
        _LIBC.prctl(option, value, 0, 0, 0)


# Loaded once and early: between fork and exec is no place to look for a library.
_LIBC = ctypes.CDLL(None)
