"""ContainerExecution: one run of a stage in a container, on a Docker engine.

The container lives no longer than its task. The task holds its stdin, so it ends when the task does, however that
happens; and the engine removes it when it ends.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from galley.errors import ContainerRefused, NotebookError, StageInterrupted, StageKilled
from galley.notebooks.parameters import Notebook
from galley.project import Limits
from galley.run.container import messages
from galley.run.container.conversation import Conversation
from galley.run.container.engine import COMMAND
from galley.run.execute import Outcome, StageRun
from galley.settings import Settings
from galley.storage import files

_ENVIRONMENT = ("MLFLOW_TRACKING_", "TZ")
"""How variables begin that containers get of a task's own: where MLflow is, and as whom to go there."""
_STORES = ("AWS_", "GOOGLE_", "STORAGE_EMULATOR_HOST")
"""How those begin that say where a bucket is, and who asks."""
_ENDING = 30.0
"""Seconds that a container has for its record, when it is asked to end."""
_CANNOT_RUN_STAGES = (1, 2)
"""Exit codes that Python and argparse end with, where `galley execute` itself would have answered."""


class ContainerExecution:
    """One run of a stage in a container of its own; to its task it is what galley.run.execute.Execution is.

    `image` None means the one that the settings name for the stage's kernel. `limits` win over those of the kernel.
    """

    def __init__(
        self,
        asked: StageRun,
        settings: Settings,
        image: str | None = None,
        limits: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.asked = asked
        self.settings = settings
        self.image = image
        self.limits = limits
        self.page: Path | None = None
        self._conversation: Conversation | None = None
        self._told = False

    def run(self) -> Outcome:
        """Run it, and take the container's word for how it ended.

        Raises as Execution.run does, and ContainerRefused and EngineUnavailable.
        """
        kernel = self.asked.kernel or Notebook.load(self.asked.notebook).kernel_name or ""
        image = self.image or image_of(kernel, self.settings)
        limits = self.settings.project.kernels.get(kernel, Limits()).but(self.limits, self.asked.title)
        if not self.asked.notebook.is_relative_to(self.settings.notebooks):
            raise NotebookError(
                f"{self.asked.notebook} is outside of {self.settings.notebooks}, and containers see no other folder of "
                "notebooks. Move it there."
            )
        self._conversation = talk = Conversation(self.asked, image, limits, _environment(self.settings), self.settings)
        if self._told:  # while it was made
            self.kill()
        try:
            talk.wait()
        except BaseException as error:
            talk.tell(error)
            if not talk.wait(_ENDING):
                talk.abandon()
            raise
        finally:
            self._conversation = None
            self.page = files.path_of(talk.answer["page"]) if talk.answer.get("page") else None
        if talk.answer:
            return messages.outcome_of(talk.answer)
        raise talk.error or _without_answer(talk.exit_code, self.asked.title, image)

    def kill(self) -> None:
        """From a signal handler: tell the container to end. `run` raises the StageKilled that it answers with."""
        self._told = True
        if self._conversation is not None:
            self._conversation.tell(StageKilled(f"{self.asked.title} was stopped."))


def image_of(kernel: str, settings: Settings) -> str:
    """The image for a stage's kernel; the first one for a kernel that has none, where galley says so."""
    return settings.images.get(kernel) or next(iter(settings.images.values()))


def _environment(settings: Settings) -> dict[str, str]:
    """The variables of a stage's container, beside those of its image."""
    begins = (*_ENVIRONMENT, *_STORES) if any(map(files.is_remote, (settings.data, settings.outputs))) else _ENVIRONMENT
    passed = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(begins) or name in settings.stage_environment
    }
    return {
        **passed,
        "GALLEY_DATA": str(settings.data),
        "GALLEY_OUTPUTS": str(settings.outputs),
        "GALLEY_NOTEBOOKS": str(settings.notebooks),
        "GALLEY_KEYS": str(settings.keys),
        "GALLEY_MODEL": settings.model_name,
        "GALLEY_KERNEL_USER": "",
        "GALLEY_WARM_KERNELS": "off",
    }


def _without_answer(exit_code: int | None, title: str, image: str) -> ContainerRefused | StageInterrupted:
    if exit_code in _CANNOT_RUN_STAGES:
        return ContainerRefused(
            f"The image {image} cannot run stages: {' '.join(COMMAND)} ended with {exit_code} and gave no answer. Its "
            "last words are in this log; build the image from one of galley's."
        )
    return StageInterrupted(
        f"The container of {title} ended with {exit_code} and gave no answer (137: it was killed). Run it again; if it "
        "happens each time, look for memory that runs out, or an engine that restarts."
    )
