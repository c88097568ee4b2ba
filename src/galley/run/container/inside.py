"""Inside: the container's side. Runs the stage that stdin asks for, and ends when whoever asked is gone."""

import json
import logging
import os
import signal
import threading
from contextlib import suppress
from io import RawIOBase
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from galley.errors import TRY_AGAIN, exit_code
from galley.run.container import messages
from galley.run.execute import Execution
from galley.settings import Settings

_TOLD_TO_END = signal.SIGUSR1


def run() -> int:
    """Run it and answer; returns the exit code."""
    answers = _own_stdout()
    _log_lines()
    _make_home()
    # Unbuffered: a thread that waits in a buffer's lock would keep the interpreter from ending.
    stdin = os.fdopen(0, "rb", buffering=0, closefd=False)
    request = messages.Request.of(stdin.readline())
    os.environ.update(request.environment)
    execution = Execution(request.asked, Settings.from_environment())
    caller = Caller(stdin, execution)
    try:
        caller.listen()
        answer, code = messages.completed(execution.run(), execution.page), 0
    except BaseException as error:  # whatever ended it is the answer
        answer, code = messages.failed(error, execution.page), exit_code(error)
    with answers:
        answers.write(answer)
    return code


def _own_stdout() -> BinaryIO:
    """Stdout, for the answer alone: what else is printed, by a kernel's library for one, goes to stderr from here."""
    own = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return own


def _make_home() -> None:
    """The user's home, which IPython and matplotlib miss where the container has it in a temporary folder."""
    with suppress(OSError, RuntimeError):
        Path.home().mkdir(parents=True, exist_ok=True)


def _log_lines() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(messages.LogLine("%(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class Caller:
    """Who waits for the stage: a thread hears what it says, and the main thread's run is ended by a signal."""

    def __init__(self, stream: RawIOBase, execution: Execution) -> None:
        self._stream = stream
        self._execution = execution
        self._said: dict[str, Any] = {}

    def listen(self) -> None:
        """Begin to."""
        signal.signal(_TOLD_TO_END, self._end)
        signal.signal(signal.SIGTERM, lambda *_: self._execution.kill())
        threading.Thread(target=self._hear, name="caller", daemon=True).start()

    def _hear(self) -> NoReturn:
        for line in self._stream:
            self._said = json.loads(line)
            os.kill(os.getpid(), _TOLD_TO_END)
        # The caller is gone without a word, as with kill -9: so is this process, and with it all that it started. The
        # record says "running" until the next look, which says "interrupted".
        os._exit(TRY_AGAIN)

    def _end(self, *_: object) -> None:
        """In the main thread: raise what ended the caller's wait, where the run waits."""
        if self._said["error"] == "StageKilled":
            self._execution.kill()
        else:
            # Of the caller's own name, which the record shows and goes by.
            raise type(self._said["error"], (BaseException,), {})(self._said["message"])
