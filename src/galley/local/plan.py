"""The plan of the demonstration: which DAG for which day, in which order, and what each leaves behind."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from galley.days import Day
from galley.errors import InvalidDay
from galley.local.runs import DagRun
from galley.settings import Settings


@dataclass(frozen=True)
class Step:
    """One DAG for one day."""

    dag_id: str
    day: Day

    @property
    def promised(self) -> list[Path]:
        """The files that a run of this DAG leaves."""
        day, model = self.day, self.day.settings.model
        reports = day.reports(self.dag_id)
        if self.dag_id == model.generate:
            return [day.raw / "data.csv", day.raw / "target.csv"]
        if self.dag_id == model.predict:
            return [day.predictions / "predictions.csv", day.predictions / "predictions.json"]
        evidence = [day.settings.model_data / path.format(ds=day.ds) for path in model.evidence]
        return [*evidence, day.models / "metrics.json", reports / "metrics.json", reports / "decision.json"]

    @property
    def conf(self) -> dict[str, str]:
        """The Params it is run with. What was promoted just now predicts, although it was no champion on a past day."""
        return {"model_as_of": "now"} if self.dag_id == self.day.settings.model.predict else {}

    def is_done(self, run: DagRun | None) -> bool:
        """Whether this is behind us: Airflow says success, and the files that it makes are there."""
        return run is not None and run.state == "success" and not self.missing

    @property
    def missing(self) -> list[Path]:
        """The files that it makes and that are not there."""
        return [path for path in self.promised if not path.exists()]


@dataclass(frozen=True)
class Plan:
    """Data for the days that end at `day`, a training on the last of them, and predictions for it."""

    day: Day
    days: int

    @classmethod
    def of(cls, ds: str | None, days: int, settings: Settings) -> "Plan":
        """The plan for a date stamp; left at None it is today, by UTC. Raises InvalidDay for what cannot be run."""
        today = datetime.now(UTC).date().isoformat()
        day = Day.of(ds or today, settings)
        if day.ds > today:
            raise InvalidDay(f"{day} is in the future (today is {today}, UTC), and Airflow runs no such day. Give DS.")
        if days < 1:
            raise InvalidDay(f"DAYS is {days}. Give the number of days to make data for, 1 or more.")
        return cls(day, days)

    @property
    def phases(self) -> list[list[Step]]:
        """What can run together, one after the other."""
        data_days = [self.day.before(days) for days in reversed(range(self.days))]
        model = self.day.settings.model
        arriving = [Step(model.generate, day) for day in data_days] if model.generate else []
        phases = [arriving, [Step(model.train, self.day)], [Step(model.predict, self.day)]]
        return [phase for phase in phases if phase]

    @property
    def steps(self) -> list[Step]:
        """All of it, in order."""
        return [step for phase in self.phases for step in phase]

    @property
    def dag_ids(self) -> list[str]:
        """The DAGs that it needs."""
        return [phase[0].dag_id for phase in self.phases]
