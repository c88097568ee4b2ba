"""ContainerExecution: one run of a stage in a container, on a Docker engine.

The container lives no longer than its task. It gets the task's end of its stdin as a lifeline, so it ends when the
task does, however that happens; and the engine removes it when it ends.
"""

import json
import logging
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, NotFound
from docker.types import LogConfig, Mount
from docker.utils.socket import STDOUT, frames_iter
from requests.exceptions import RequestException

from galley import evidence
from galley.container import messages
from galley.errors import ContainerRefused, EngineUnavailable, NotebookError, StageInterrupted, StageKilled
from galley.execute import Outcome, StageRun
from galley.notebook import Notebook
from galley.settings import Settings

log = logging.getLogger(__name__)

LABEL = "galley.stage"
"""The label of each container that runs a stage."""
_COMMAND = ["galley", "execute", "-"]
_ENVIRONMENT = ("MLFLOW_TRACKING_", "TZ")
"""How variables begin that containers get of a task's own: where MLflow is, and as whom to go there."""
_SIGNAL_DELAY = 0.25
"""Seconds that a timeout or a signal may come late."""
_ENDING = 30.0
"""Seconds that a container has for its record, when it is told to end."""
_ABANDONED = 60
"""Seconds after which a container that was made and never started belongs to a task that was killed in between."""
_CANNOT_RUN_STAGES = (1, 2)
"""Exit codes that Python and argparse end with, where `galley execute` itself would have answered."""


class ContainerExecution:
    """One run of a stage in a container of its own; to its task it is what galley.execute.Execution is.

    `image` None means the one that the settings name for the stage's kernel.
    """

    def __init__(self, asked: StageRun, settings: Settings, image: str | None = None) -> None:
        self.asked = asked
        self.settings = settings
        self.image = image
        self.page: Path | None = None
        self._conversation: Conversation | None = None

    def run(self) -> Outcome:
        """Run it, and take the container's word for how it ended.

        Raises as Execution.run does, and ContainerRefused and EngineUnavailable.
        """
        image = self.image or image_of(self.asked, self.settings)
        if not self.asked.notebook.is_relative_to(self.settings.notebooks):
            raise NotebookError(
                f"{self.asked.notebook} is outside of {self.settings.notebooks}, and containers see no other folder of "
                "notebooks. Move it there."
            )
        with _engine(self.settings) as engine, self._container(engine, image) as container:
            run = {**self.asked.run, "image": f"{image}@{engine.inspect_container(container)['Image']}"}
            asked = StageRun(**{**vars(self.asked), "run": run, "git": evidence.git_state(self.settings.home)})
            request = messages.Request(asked, _environment(self.settings)).line()
            self._conversation = Conversation(engine, container, request)
            log.info("container %s of %s: %s", container[:12], image, self.asked.title)
            try:
                self._conversation.wait()
            except BaseException as error:
                self._conversation.tell(error)
                self._conversation.wait(_ENDING)
                raise
            finally:
                self.page = self._conversation.page
            return self._conversation.outcome(self.asked.title, image)

    def kill(self) -> None:
        """From a signal handler: tell the container to end. `run` raises the StageKilled that it answers with."""
        if self._conversation is not None:
            self._conversation.tell(StageKilled(f"{self.asked.title} was told to end."))

    @contextmanager
    def _container(self, engine: docker.APIClient, image: str) -> Iterator[str]:
        """A new container's id; when the block ends the container is gone."""
        _remove_abandoned(engine)
        for folder in (self.settings.data, self.settings.outputs):
            folder.mkdir(parents=True, exist_ok=True)
        container = None
        try:
            container = engine.create_container(
                image,
                _COMMAND,
                user=f"{os.getuid()}:{os.getgid()}",
                hostname=platform.node(),
                stdin_open=True,
                labels={LABEL: self.asked.name, **{f"galley.{key}": str(fact) for key, fact in self.asked.run.items()}},
                host_config=self._walls(engine),
            )["Id"]
            yield container
        finally:
            if container:
                with suppress(APIError, RequestException):  # it is gone, or the engine is
                    engine.remove_container(container, force=True)

    def _walls(self, engine: docker.APIClient) -> Any:
        """What the container sees and may do: data, outputs and notebooks under the task's own names for them."""
        settings = self.settings
        return engine.create_host_config(
            auto_remove=True,
            mounts=[
                Mount(str(settings.data), str(settings.host_data), type="bind"),
                Mount(str(settings.outputs), str(settings.host_outputs), type="bind"),
                Mount(str(settings.notebooks), str(settings.host_notebooks), type="bind", read_only=True),
            ],
            read_only=True,
            tmpfs={"/tmp": ""},  # noqa: S108 - the container's own
            network_mode=settings.network,
            group_add=[str(group) for group in os.getgroups()],
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            log_config=LogConfig(type=LogConfig.types.NONE),  # what it says goes to the task's log
        )


class Conversation:
    """A container that was started, heard in a thread, so that whoever waits can be interrupted at any moment."""

    def __init__(self, engine: docker.APIClient, container: str, request: bytes) -> None:
        stream = engine.attach_socket(container, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
        self._stream = stream  # kept: the socket closes with it
        self._socket = getattr(stream, "_sock", stream)
        self._socket.settimeout(None)
        # Asked before the start, and answered once the container is gone: nobody could be asked for its exit code then.
        url = f"{engine.base_url}/v{engine.api_version}/containers/{container}/wait"
        self._gone = engine.post(url, params={"condition": "removed"}, stream=True, timeout=None)
        self._answer = b""
        self._exit_code: int | None = None
        self._ended = threading.Event()
        engine.start(container)
        self._socket.sendall(request)
        threading.Thread(target=self._hear, name="container", daemon=True).start()

    def tell(self, error: BaseException) -> None:
        """Tell the container that the wait for it ended early, and why."""
        with suppress(OSError):  # it has ended
            self._socket.sendall(messages.told_to_end(error))

    def wait(self, seconds: float = float("inf")) -> None:
        """Wait until the container is gone, or so long."""
        deadline = time.monotonic() + seconds
        # In slices, as CellsThread.run waits, and for its reasons.
        while not self._ended.wait(_SIGNAL_DELAY) and time.monotonic() < deadline:
            pass

    @property
    def page(self) -> Path | None:
        """The report that the answer names, of a stage that failed too."""
        page = self._said().get("page")
        return Path(page) if page else None

    def outcome(self, title: str, image: str) -> Outcome:
        """The outcome that the answer tells, or the error."""
        answer = self._said()
        if answer:
            return messages.outcome_of(answer)
        if self._exit_code in _CANNOT_RUN_STAGES:
            raise ContainerRefused(
                f"The image {image} cannot run stages: {' '.join(_COMMAND)} ended with {self._exit_code} and gave no "
                "answer. Its last words are in this log; build the image from one of galley's."
            )
        raise StageInterrupted(
            f"The container of {title} ended with {self._exit_code} and gave no answer (137: it was killed). Run it "
            "again; if it happens each time, look for memory that runs out, or an engine that restarts."
        )

    def _said(self) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = json.loads(self._answer)
        except ValueError:
            return {}
        return answer

    def _hear(self) -> None:
        line = b""
        try:
            for stream, data in frames_iter(self._socket, tty=False):
                if stream == STDOUT:
                    self._answer += data
                    continue
                *lines, line = (line + data).split(b"\n")
                for whole in lines:
                    log.log(*messages.log_record(whole.decode(errors="replace")))
            self._exit_code = self._gone.json()["StatusCode"]
        except (OSError, RequestException, ValueError, KeyError) as error:
            log.warning("The Docker engine went away: %s", error)
        finally:
            self._ended.set()


def image_of(asked: StageRun, settings: Settings) -> str:
    """The image for a stage's kernel; the first one for a kernel that has none, where galley says so."""
    kernel = asked.kernel or Notebook.load(asked.notebook).kernel_name
    return settings.images.get(kernel or "") or next(iter(settings.images.values()))


@contextmanager
def _engine(settings: Settings) -> Iterator[docker.APIClient]:
    """The Docker engine; what it says while it is used becomes an error of galley's tree."""
    engine = None
    try:
        engine = docker.APIClient(settings.docker_host)
        yield engine
    except APIError as error:
        if error.is_client_error():
            raise ContainerRefused(
                f"The Docker engine at {settings.docker_host} refuses the container ({error.explanation}). Build the "
                "image that is missing, or mend GALLEY_IMAGES, GALLEY_NETWORK or the GALLEY_HOST_ folders."
            ) from error
        raise _unavailable(settings, error) from error
    except (DockerException, RequestException) as error:
        raise _unavailable(settings, error) from error
    finally:
        if engine is not None:
            engine.close()


def _unavailable(settings: Settings, error: Exception) -> EngineUnavailable:
    return EngineUnavailable(
        f"The Docker engine at {settings.docker_host} does not answer ({error}). Start it, or set DOCKER_HOST to where "
        "it is."
    )


def _environment(settings: Settings) -> dict[str, str]:
    """The variables of a stage's container, beside those of its image."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(_ENVIRONMENT) or name in settings.stage_environment
    }
    return {
        **passed,
        "GALLEY_DATA": str(settings.data),
        "GALLEY_OUTPUTS": str(settings.outputs),
        "GALLEY_NOTEBOOKS": str(settings.notebooks),
        "GALLEY_MODEL": settings.model,
        "GALLEY_WARM_KERNELS": "off",
    }


def _remove_abandoned(engine: docker.APIClient) -> None:
    """Remove containers whose task was killed between making and starting them."""
    for found in engine.containers(all=True, filters={"label": LABEL, "status": "created"}):
        if time.time() - found["Created"] > _ABANDONED:
            with suppress(NotFound):
                engine.remove_container(found["Id"], force=True)
