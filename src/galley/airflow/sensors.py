"""FilesSensor: waits until all files of a day are there and whole, without holding a worker's slot."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator

from galley.airflow import configuration
from galley.airflow.compat import AirflowSensorTimeout
from galley.handover import dated, written
from galley.settings import Settings, relative_name
from galley.storage import files

if TYPE_CHECKING:
    from airflow.sdk import Context


class FilesSensor(BaseSensorOperator):
    """Waits for whole files below the model's data folder: `paths` and `marker` are relative to it, and templated.

    A file is whole when it is not empty and nothing has changed it for `unchanged` seconds, or at once when an accepted
    notebook of its day states that it wrote it as it is. In a bucket files only ever appear whole. Where `marker` names
    a file that the writer leaves when it is done, that is waited for, and what is there then is whole.

    When `timeout` (seconds) is over it fails and says of each file what is missing. `model` names the model of
    galley.toml; left blank, the one that the DAG belongs to.
    """

    template_fields: Sequence[str] = ("paths", "marker")
    ui_color = "#e9eff5"

    def __init__(
        self, *, paths: Sequence[str], marker: str | None = None, unchanged: float = 30, model: str = "", **kwargs: Any
    ) -> None:
        kwargs.setdefault("mode", "reschedule")
        super().__init__(**kwargs)
        self.paths = paths
        self.marker = marker
        self.unchanged = unchanged
        self.model = model

    def poke(self, context: "Context") -> bool:  # noqa: ARG002 - Airflow's signature
        """Whether all files are there, and whole."""
        lacking = self._lacking()
        if lacking:
            self.log.info("waiting: %s", "; ".join(lacking))
        return not lacking

    def execute(self, context: "Context") -> Any:
        """Wait; raises AirflowSensorTimeout naming what is missing."""
        try:
            return super().execute(context)
        except AirflowSensorTimeout:
            raise AirflowSensorTimeout(
                f"{'; '.join(self._lacking())}, and {self.timeout:.0f} s are over. See what brings it and whether that "
                "ran for this day, then clear this task."
            ) from None

    def _lacking(self) -> list[str]:
        settings = configuration.settings().for_model(self.model, self.dag_id)
        folder = settings.model_data
        states = {path: self._state(folder / Path(path), settings) for path in self.paths}
        if self.marker and not (folder / Path(self.marker)).is_file():
            states[self.marker] = "is not there"
        return [f"{relative_name(folder / Path(path), settings)} {is_}" for path, is_ in states.items() if is_]

    def _state(self, path: Path, settings: Settings) -> str:
        """What a file lacks of being whole; nothing if it is."""
        if not path.is_file():
            return "is not there"
        facts = path.stat()
        if not facts.st_size:
            return "is empty"
        if self.marker or files.is_remote(path):
            return ""
        # Of both times: a copy may carry the first over from its original. A clock may also be ahead of ours.
        age = abs(time.time() - max(facts.st_mtime, facts.st_ctime))
        if age >= self.unchanged or _is_as_recorded(path, settings):
            return ""
        return f"changed {age:.0f} s ago, and may be in the making"


def _is_as_recorded(path: Path, settings: Settings) -> bool:
    """Whether an accepted notebook of its day states that it wrote the file as it is."""
    record = written(settings.outputs / dated(path)).get(relative_name(path, settings))
    return record is not None and record.sha256 == files.digest(path)
