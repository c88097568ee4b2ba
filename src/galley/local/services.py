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

RESTARTS = 3
"""How often a service that ends by itself is started again."""
STEADY = 600.0
"""Seconds after which a service counts as one that runs: if it ends then, it has all its restarts again."""
_MARK = "SERVICE_OF_GALLEY"
"""The variable that names the service in its environment, and in that of what it starts."""


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


@dataclass
class _Running:
    service: Service
    process: subprocess.Popen[bytes]
    began: float
    restarts: int = 0

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def has_started(self, process: psutil.Process) -> bool:
        """Whether it is of the service's session, or has the service's name in its environment."""
        try:
            return os.getsid(process.pid) == self.process.pid or process.environ().get(_MARK) == self.service.name
        except (OSError, psutil.Error):
            return False

    @property
    def end(self) -> str:
        """How the process ended, in words."""
        code = self.process.returncode
        how = f"ended with exit code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"
        return f"{self.service.name} {how}"


class Services:
    """A set of running services, each in a session of its own, with its output in a log file.

    Leaving the block stops them, last started first, and then ends every process that they left behind: Airflow's
    task processes and notebook kernels are in sessions of their own, where no signal to a group reaches them.
    """

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._running: list[_Running] = []
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
        # From here on another Ctrl-C cannot leave anything half stopped: it only ends the waiting.
        for number in _ENDING_SIGNALS:
            signal.signal(number, self._hurry)
        try:
            self.stop()
        finally:
            for signum, handler in self._handlers.items():
                signal.signal(signum, handler)

    def start(self, service: Service) -> None:
        """Start one more service, with an empty log."""
        self.log(service.name).unlink(missing_ok=True)
        self._running.append(_Running(service, self._started(service), time.monotonic()))

    def _started(self, service: Service) -> subprocess.Popen[bytes]:
        with self.log(service.name).open("ab") as log:
            return subprocess.Popen(
                service.command,
                env={**service.environment, _MARK: service.name},
                cwd=service.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Not in the terminal's group: Ctrl-C reaches this process alone, which then stops them in order.
                start_new_session=True,
                preexec_fn=_end_with_parent(os.getpid(), service.user),
            )

    def log(self, name: str) -> Path:
        """The file that a service's output goes to."""
        self.logs.mkdir(parents=True, exist_ok=True)
        return self.logs / f"{name}.log"

    def check(self) -> None:
        """Raise ServiceEnded if one of them has ended by itself."""
        for running in self._running:
            if running.has_ended:
                raise self._ended(running)

    def keep_up(self, say: Callable[[str], None]) -> None:
        """Start again what has ended by itself, and say what and why. Raises ServiceEnded where that is too often."""
        for running in self._running:
            if running.has_ended:
                self._start_again(running, say)

    def _start_again(self, running: _Running, say: Callable[[str], None]) -> None:
        now = time.monotonic()
        restarts = running.restarts if now - running.began < STEADY else 0
        if restarts == RESTARTS:
            raise self._ended(running)
        while left := [child for child in psutil.Process().children() if running.has_started(child)]:
            _end_all(left)  # they would hold its port
        say(f"{self._last_words(running)}\nIt is started again ({restarts + 1} of {RESTARTS} times).")
        running.process, running.began, running.restarts = self._started(running.service), now, restarts + 1

    def _ended(self, running: _Running) -> ServiceEnded:
        log = self.log(running.service.name)
        return ServiceEnded(f"{self._last_words(running)}\nFix that and start again. The whole log: {log}")

    def _last_words(self, running: _Running) -> str:
        return f"{running.end}. Its last lines:\n{last_lines(self.log(running.service.name))}"

    def stop(self) -> None:
        """End every service, and then whatever they left behind."""
        # Last first: what was started later needs what was started earlier to say goodbye to.
        for running in reversed(self._running):
            _signal_group(running.process, signal.SIGTERM)
            self._wait(running.process, running.service.grace)
            _signal_group(running.process, signal.SIGKILL)
        self._running.clear()
        self._sweep()

    def _wait(self, process: subprocess.Popen[bytes], grace: float) -> None:
        deadline = time.monotonic() + grace
        while process.poll() is None and time.monotonic() < deadline and not self._in_a_hurry:
            time.sleep(0.05)

    def _sweep(self) -> None:
        while left := [child for child in psutil.Process().children() if child.pid not in self._not_ours]:
            _end_all(left)

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


def _end_all(processes: Sequence[psutil.Process]) -> None:
    family = [*processes, *(process for child in processes for process in _descendants(child))]
    for process in family:
        _kill(process)
    psutil.wait_procs(family, timeout=1)


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
