"""FilesSensor: waits until all files of a day are there, without holding a worker's slot."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowSensorTimeout

from galley.settings import Settings, relative_name

if TYPE_CHECKING:
    from airflow.sdk import Context


class FilesSensor(BaseSensorOperator):
    """Waits for files below the data folder: `paths` are relative to it, and templated.

    When `timeout` (seconds) is over it fails with the names of the files that are still missing.
    """

    template_fields: Sequence[str] = ("paths",)
    ui_color = "#e9eff5"

    def __init__(self, *, paths: Sequence[str], **kwargs: Any) -> None:
        kwargs.setdefault("mode", "reschedule")
        super().__init__(**kwargs)
        self.paths = paths

    def poke(self, context: "Context") -> bool:  # noqa: ARG002 - Airflow's signature
        """Whether all files are there."""
        missing = self._missing()
        if missing:
            self.log.info("waiting for %s", ", ".join(missing))
        return not missing

    def execute(self, context: "Context") -> Any:
        """Wait; raises AirflowSensorTimeout naming what is missing."""
        try:
            return super().execute(context)
        except AirflowSensorTimeout:
            raise AirflowSensorTimeout(
                f"{', '.join(self._missing())} did not come within {self.timeout:.0f} s. See whether what brings it "
                "ran for that day, then clear this task."
            ) from None

    def _missing(self) -> list[str]:
        settings = Settings.from_environment()
        expected = [settings.data / Path(path) for path in self.paths]
        return [relative_name(path, settings) for path in expected if not path.is_file()]
