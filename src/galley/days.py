"""A day: the folders that belong to one ds, so that stages hand over paths instead of messages."""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from galley.errors import InvalidDay, MissingInput
from galley.settings import Settings
from galley.storage import files

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Day:
    """One logical day of the pipeline. `ds` is Airflow's date stamp, YYYY-MM-DD."""

    ds: str
    settings: Settings

    @classmethod
    def of(cls, ds: object, settings: Settings | None = None) -> "Day":
        """The day of a date stamp; raises InvalidDay for anything that is not YYYY-MM-DD."""
        # fromisoformat alone also takes 20130101 and 2013-W01-1, which would be a second name for a folder.
        if not isinstance(ds, str) or not _ISO_DATE.fullmatch(ds) or not ds.isascii():
            raise InvalidDay(f"ds is {ds!r}, which is not a date. Give it as YYYY-MM-DD, as in 2026-11-23.")
        try:
            date.fromisoformat(ds)
        except ValueError as error:
            raise InvalidDay(f"ds is {ds!r}, which is not a date ({error}). Give a day that exists.") from None
        return cls(ds, settings or Settings.from_environment())

    @classmethod
    def latest(cls, settings: Settings | None = None) -> "Day":
        """The newest day whose raw data and targets are both there."""
        settings = settings or Settings.from_environment()
        raw = settings.model_data / "raw"
        for folder in sorted(raw.iterdir() if raw.is_dir() else [], reverse=True):
            with suppress(InvalidDay):  # a folder that someone put there
                day = cls.of(folder.name, settings)
                if (day.raw / "data.csv").is_file() and (day.raw / "target.csv").is_file():
                    return day
        raise MissingInput(f"There is no day with data in {raw}. Have the data of one arrive first.")

    def __str__(self) -> str:
        return self.ds

    @property
    def date(self) -> date:
        """The day as a date."""
        return date.fromisoformat(self.ds)

    @property
    def raw(self) -> Path:
        """Where the day's data.csv and target.csv arrive."""
        return self.settings.model_data / "raw" / self.ds

    @property
    def processed(self) -> Path:
        """What the stages of a training hand to each other."""
        return self.settings.model_data / "processed" / self.ds

    @property
    def models(self) -> Path:
        """Where the model that was trained on this day is, in MLflow's format, with metrics.json."""
        return self.settings.model_data / "models" / self.ds

    @property
    def predictions(self) -> Path:
        """Where predictions.csv and predictions.json are."""
        return self.settings.model_data / "predictions" / self.ds

    def reports(self, dag_id: str) -> Path:
        """Where the executed notebooks of a DAG are for this day."""
        return self.settings.outputs / self.ds / files.safe_name(dag_id)

    def before(self, days: int) -> "Day":
        """The day so many days earlier."""
        return Day((self.date - timedelta(days=days)).isoformat(), self.settings)
