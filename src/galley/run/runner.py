"""Runner: where a stage is run. The settings say: in the task's own process, or in a container."""

import logging
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from galley.run.execute import Execution, StageRun
from galley.settings import Settings

if TYPE_CHECKING:
    from galley.run.container.execution import ContainerExecution


log = logging.getLogger(__name__)

_POD = "AIRFLOW_IS_K8S_EXECUTOR_POD"
"""What Airflow's KubernetesExecutor says to the pods that it makes."""


def execution_of(
    asked: StageRun, settings: Settings, image: str | None = None, limits: Mapping[str, Any] | None = None
) -> "Execution | ContainerExecution":
    """The run that is to be made. Only one in a container, of `image` or of its kernel's, needs the Docker SDK.

    `limits` are fields of galley.project.Limits, which win over those of the kernel in galley.toml.
    """
    if settings.runner == "docker":
        from galley.run.container.execution import ContainerExecution

        return ContainerExecution(asked, settings, image, limits or {})
    ignored = ", ".join(name for name in limits or {} if name == "shm" or _POD not in os.environ)
    if ignored:
        what = "Containers (GALLEY_RUNNER=docker) have limits, and so have pods of KubernetesExecutor, but for shm."
        log.warning("%s: %s: not limited here. %s", asked.title, ignored, what)
    return Execution(asked, settings)
