"""A day: the folders that belong to one ds, so that stages hand over paths instead of messages.

Where a DAG may run several times a day, each run has a day of its own, whose ds goes on to the time: 2026-11-23T0600.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from galley.errors import InvalidDay, MissingInput
from galley.settings import Settings
from galley.storage import files

PATTERN = r"\d{4}-\d{2}-\d{2}(T([01]\d|2[0-3])([0-5]\d){1,2})?"
"""Of a ds: the date, and the time (UTC) of a run that is one of several a day."""
_DATE = len("2026-11-23")


@dataclass(frozen=True)
class Day:
    """One logical day of the pipeline. `ds` is Airflow's date stamp, YYYY-MM-DD, and maybe a time."""

    ds: str
    settings: Settings

    @classmethod
    def of(cls, ds: object, settings: Settings | None = None) -> "Day":
        """The day of a date stamp; raises InvalidDay for anything that is not YYYY-MM-DD or YYYY-MM-DDTHHMM[SS]."""
        if not isinstance(ds, str) or not is_day(ds):
            raise InvalidDay(
                f"ds is {ds!r}, which is not a date (YYYY-MM-DD). Give one that exists, as in 2026-11-23, or "
                "2026-11-23T0600 for a run that is one of several a day."
            )
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
        return date.fromisoformat(self.ds[:_DATE])

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
        """The day so many days earlier, at the same time if it has one."""
        return Day(f"{self.date - timedelta(days=days)}{self.ds[_DATE:]}", self.settings)


def is_day(ds: str) -> bool:
    """Whether it is the date stamp of a day that exists."""
    # fromisoformat alone also takes 20130101 and 2013-W01-1, which would be a second name for a folder.
    if not re.fullmatch(PATTERN, ds, re.ASCII):
        return False
    with suppress(ValueError):
        return bool(date.fromisoformat(ds[:_DATE]))
    return False


def date_stamp(at: datetime, is_one_of_several: bool) -> str:
    """The ds of a run, by its logical time; with the time if the run is one of several a day."""
    stamp = at.isoformat(timespec="seconds")[:19].replace(":", "").removesuffix("00")
    return stamp if is_one_of_several else stamp[:_DATE]
