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
        day, reports = self.day, self.day.reports(self.dag_id)
        match self.dag_id:
            case "generate_data":
                return [day.raw / "data.csv", day.raw / "target.csv"]
            case "train_weekly":
                processed = [day.processed / name for name in ("train_data.csv", "train.csv", "val.csv")]
                return [*processed, day.models / "metrics.json", reports / "metrics.json", reports / "decision.json"]
            case "predict_daily":
                return [day.predictions / name for name in ("predictions.csv", "predictions.json")]
        raise ValueError(self.dag_id)

    @property
    def conf(self) -> dict[str, str]:
        """The Params it is run with. What was promoted just now predicts, although it was no champion on a past day."""
        return {"model_as_of": "now"} if self.dag_id == "predict_daily" else {}

    def is_done(self, run: DagRun | None) -> bool:
        """Whether this is behind us: Airflow says success, and what it promised is there."""
        return run is not None and run.state == "success" and not self.missing

    @property
    def missing(self) -> list[Path]:
        """What was promised and is not there."""
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
        return [
            [Step("generate_data", day) for day in data_days],
            [Step("train_weekly", self.day)],
            [Step("predict_daily", self.day)],
        ]

    @property
    def steps(self) -> list[Step]:
        """All of it, in order."""
        return [step for phase in self.phases for step in phase]

    @property
    def dag_ids(self) -> list[str]:
        """The DAGs that it needs."""
        return [phase[0].dag_id for phase in self.phases]
