"""Engine: the Docker engine, and the container that it makes for a stage: what that sees and what it may do."""

import os
import platform
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

from docker import APIClient
from docker.errors import APIError, DockerException, NotFound
from docker.types import DeviceRequest, LogConfig, Mount
from requests.exceptions import RequestException

from galley.errors import ContainerRefused, EngineUnavailable
from galley.project import Limits
from galley.run.execute import StageRun
from galley.settings import Settings
from galley.storage.files import is_remote

COMMAND = ["galley", "execute", "-"]
"""What the container runs."""
LABEL = "galley.stage"
"""The label of each container that runs a stage."""
_NOT_OF_COMPOSE = {f"com.docker.compose.{name}": "" for name in ("project", "service", "version")}
"""Compose puts its labels on the images that it builds, and would take their containers for services of the stack."""
_NO_SUCH_DEVICE = "device driver"
"""What the engine says of GPUs that it does not have, as if it were its own fault."""
_ABANDONED = 60
"""Seconds after which a container that was made and never started belongs to a task that was killed in between."""


@contextmanager
def connected(settings: Settings) -> Iterator[APIClient]:
    """The Docker engine. What it and the network say while it is used becomes an error of galley's tree."""
    engine = None
    try:
        engine = APIClient(settings.docker_host)
        yield engine
    except APIError as error:
        if error.is_client_error() or _NO_SUCH_DEVICE in str(error.explanation):
            raise ContainerRefused(
                f"The Docker engine at {settings.docker_host} refuses the container ({error.explanation}). Build the "
                "image that is missing, fix GALLEY_IMAGES, GALLEY_NETWORK or the GALLEY_HOST_ folders, or ask for less "
                "memory, fewer CPUs or no GPU."
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


@contextmanager
def container(engine: APIClient, image: str, limits: Limits, asked: StageRun, settings: Settings) -> Iterator[str]:
    """The id of a new container, which is to be started; it is gone when the block ends."""
    _remove_abandoned(engine)
    for folder in (settings.data, settings.outputs, settings.keys):
        if not is_remote(folder):
            folder.mkdir(parents=True, exist_ok=True)
    made = engine.create_container(
        image,
        COMMAND,
        user=f"{os.getuid()}:{os.getgid()}",
        hostname=platform.node(),
        stdin_open=True,
        name=_name(asked),
        labels={
            **_NOT_OF_COMPOSE,
            LABEL: asked.name,
            **{f"galley.{key}": str(fact) for key, fact in asked.run.items()},
        },
        host_config=_isolation(engine, limits, settings),
    )["Id"]
    try:
        yield made
    finally:
        with suppress(APIError, RequestException):  # it is gone, or the engine is
            engine.remove_container(made, force=True)


def _name(asked: StageRun) -> str:
    """A name that says which stage runs in it; what comes last is for two of one name."""
    words = [asked.run.get("dag_id", ""), asked.name, asked.run.get("ds", ""), uuid4().hex[:8]]
    return re.sub(r"[^\w.-]+", "-", "-".join(["galley", *filter(None, map(str, words))]), flags=re.ASCII)


def _isolation(engine: APIClient, limits: Limits, settings: Settings) -> Any:
    """What the container sees and may do: data, outputs, notebooks and keys, under the task's own names for them."""
    return engine.create_host_config(
        # By the engine, when it ends: the task may be gone by then.
        auto_remove=True,
        mounts=[
            Mount(str(folder), str(host), type="bind", read_only=folder in (settings.notebooks, settings.keys))
            for folder, host in (
                (settings.data, settings.host_data),
                (settings.outputs, settings.host_outputs),
                (settings.notebooks, settings.host_notebooks),
                (settings.keys, settings.host_keys),
            )
            if not is_remote(folder)
        ],
        read_only=True,
        tmpfs={"/tmp": ""},  # noqa: S108 - the container's own
        network_mode=settings.network,
        group_add=[str(group) for group in os.getgroups()],
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        mem_limit=limits.memory,
        memswap_limit=limits.memory,  # none beside it: a stage that swaps slows down all that run
        nano_cpus=limits.cpus and int(limits.cpus * 1e9),
        shm_size=limits.shm,
        device_requests=limits.gpus and [DeviceRequest(count=limits.gpus, capabilities=[["gpu"]])],
        log_config=LogConfig(type=LogConfig.types.NONE),  # what it says goes to the task's log
    )


def _remove_abandoned(engine: APIClient) -> None:
    """Remove containers whose task was killed between making and starting them."""
    for found in engine.containers(all=True, filters={"label": LABEL, "status": "created"}):
        if time.time() - found["Created"] > _ABANDONED:
            with suppress(NotFound):
                engine.remove_container(found["Id"], force=True)
