"""Runner: where a stage is run. The settings say: in the task's own process, or in a container."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from galley.run.execute import Execution, StageRun
from galley.settings import Settings

if TYPE_CHECKING:
    from galley.run.container.execution import ContainerExecution


log = logging.getLogger(__name__)


def execution_of(
    asked: StageRun, settings: Settings, image: str | None = None, limits: Mapping[str, Any] | None = None
) -> "Execution | ContainerExecution":
    """The run that is to be made. Only one in a container, of `image` or of its kernel's, needs the Docker SDK.

    `limits` are fields of galley.project.Limits, which win over those of the kernel in galley.toml.
    """
    if settings.runner == "docker":
        from galley.run.container.execution import ContainerExecution

        return ContainerExecution(asked, settings, image, limits or {})
    if limits:
        log.warning("%s: %s hold for containers alone (GALLEY_RUNNER=docker)", asked.title, ", ".join(limits))
    return Execution(asked, settings)
