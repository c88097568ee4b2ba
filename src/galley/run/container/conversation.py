"""Conversation: the thread that makes a stage's container, starts it and hears it to its end.

All of it is done there, so that the task's own thread only waits: a timeout or a signal, which raises there, can come
at any moment, and in the midst of a library's code it might be lost.
"""

import json
import logging
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace
from typing import Any

from docker import APIClient
from docker.utils.socket import STDOUT, frames_iter
from requests.exceptions import RequestException

from galley.errors import StageKilled
from galley.project import Limits
from galley.run.checkout import git_state
from galley.run.container import messages
from galley.run.container.engine import connected, container
from galley.run.execute import StageRun
from galley.settings import Settings

log = logging.getLogger(__name__)

_SIGNAL_DELAY = 0.25
"""Seconds that a timeout or a signal may come late."""


class Conversation:
    """A stage's container, from its making to its end. `answer` is what it said in the end, empty if nothing."""

    def __init__(
        self, asked: StageRun, image: str, limits: Limits, environment: dict[str, str], settings: Settings
    ) -> None:
        self._asked = asked
        self._image = image
        self._limits = limits
        self._environment = environment
        self._settings = settings
        self.answer: dict[str, Any] = {}
        self.exit_code: int | None = None
        self.error: BaseException | None = None
        self._lifeline: Any = None
        self._ending: bytes | None = None
        self._telling = threading.Lock()
        self._ended = threading.Event()
        threading.Thread(target=self._hold, name="container", daemon=True).start()

    def wait(self, seconds: float = float("inf")) -> bool:
        """Wait until the container is gone, or so long; returns whether it is."""
        deadline = time.monotonic() + seconds
        # In slices, as CellsThread.run waits, and for its reasons.
        while not self._ended.wait(_SIGNAL_DELAY):
            if time.monotonic() > deadline:
                return False
        return True

    def tell(self, error: BaseException) -> None:
        """Tell the container that the wait for it ended early, and why; it ends, and says so in its record."""
        self._ending = messages.ending(error)
        # Without waiting for the lock: a signal's handler may have interrupted the one that holds it.
        threading.Thread(target=self._pass_on, daemon=True).start()

    def abandon(self) -> None:
        """Let go of the container, which then ends without a word."""
        if self._lifeline is not None:
            with suppress(OSError):  # it has ended
                self._lifeline.shutdown(socket.SHUT_RDWR)

    def _hold(self) -> None:
        try:
            with (
                connected(self._settings) as engine,
                container(engine, self._image, self._limits, self._asked, self._settings) as made,
            ):
                self._speak(engine, made)
        except BaseException as error:  # it is raised where the task waits
            self.error = error
        finally:
            self._ended.set()

    def _speak(self, engine: APIClient, made: str) -> None:
        image = engine.inspect_container(made)["Image"]
        run = {**self._asked.run, "image": f"{self._image}@{image}"}
        asked = replace(self._asked, run=run, git=git_state(self._settings.home))
        stream = engine.attach_socket(made, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        lifeline = getattr(stream, "_sock", stream)
        lifeline.settimeout(None)
        # Asked before the start, and answered when the container is gone: nobody could be asked for its exit code then.
        url = f"{engine.base_url}/v{engine.api_version}/containers/{made}/wait"
        gone = engine.post(url, params={"condition": "removed"}, stream=True, timeout=None)
        if self._ending:
            raise StageKilled(f"{self._asked.title} was stopped before its container was started.")
        engine.start(made)
        log.info("container %s of %s", made[:12], run["image"])
        lifeline.sendall(messages.Request(asked, self._environment).line())
        with self._telling:
            self._lifeline = lifeline
        self._pass_on()
        self._hear(lifeline)
        with suppress(RequestException, ValueError, KeyError):  # the engine went away, and cannot say
            self.exit_code = gone.json()["StatusCode"]
        stream.close()

    def _pass_on(self) -> None:
        with self._telling, suppress(OSError):  # the container has ended
            if self._ending and self._lifeline is not None:
                self._lifeline.sendall(self._ending)
                self._ending = None

    def _hear(self, lifeline: Any) -> None:
        """Put its log into the task's own, and keep its answer, until there is no more."""
        said = line = b""
        with suppress(OSError):
            for stream, data in frames_iter(lifeline, tty=False):
                if stream == STDOUT:
                    said += data
                    continue
                *lines, line = (line + data).split(b"\n")
                for whole in lines:
                    log.log(*messages.log_record(whole.decode(errors="replace")))
        with suppress(ValueError):
            self.answer = json.loads(said)
