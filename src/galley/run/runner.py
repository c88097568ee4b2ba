"""Runner: where a stage is run. The settings say: in the task's own process, or in a container."""

from typing import TYPE_CHECKING

from galley.run.execute import Execution, StageRun
from galley.settings import Settings

if TYPE_CHECKING:
    from galley.run.container.execution import ContainerExecution


def execution_of(asked: StageRun, settings: Settings, image: str | None = None) -> "Execution | ContainerExecution":
    """The run that is to be made. Only one in a container, of `image` or of its kernel's, needs the Docker SDK."""
    if settings.runner == "docker":
        from galley.run.container.execution import ContainerExecution

        return ContainerExecution(asked, settings, image)
    return Execution(asked, settings)
