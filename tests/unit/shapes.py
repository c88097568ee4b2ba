"""Two shapes of a project that have no name in common: what holds for one has to hold for the other."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from galley.days import Day
from galley.storage import files


@dataclass(frozen=True)
class Shape:
    """What a project calls its model, the DAG and the stages of its training, and the rows that it is judged on."""

    model: str
    train: str
    stages: tuple[str, ...]
    review: str
    evidence: str
    key: str = "id"

    @property
    def before_review(self) -> tuple[str, ...]:
        return self.stages[: self.stages.index(self.review)]

    @property
    def registers(self) -> str:
        """The stage that registers the model, which is the last before its review."""
        return self.before_review[-1].partition("_")[2]

    @property
    def toml(self) -> str:
        return (
            f'[models."{self.model}"]\nproblem = "binary"\nkey = "{self.key}"\ntarget = "label"\n'
            f'train = "{self.train}"\nreview = "{self.review.partition("_")[2]}"\nevidence = ["{self.evidence}"]\n'
            f'predict = "predict-{self.model}"\npinned = true\n'
        )

    def declare(self, home: Path) -> None:
        """Write galley.toml, and the notebooks of the training, which have nothing in them."""
        files.write_bytes(home / "galley.toml", self.toml.encode())
        for stage in self.stages:
            files.write_json(home / "notebooks" / self.train / f"{stage}.ipynb", {"cells": [], "metadata": {}})

    def judged_on(self, day: Day) -> Path:
        """The file that is evidence."""
        return day.settings.model_data / self.evidence.format(ds=day.ds)

    def conclude(self, day: Day, stage: str, dag: str = "", **values: Any) -> None:
        """Add what a stage concluded to the day's metrics.json, of the training unless another DAG is named."""
        path = day.reports(dag or self.train) / "metrics.json"
        known = files.read_json(path) if path.is_file() else {}
        files.write_json(path, {**known, stage.partition("_")[2]: values})

    def leave_reports(self, day: Day, stages: tuple[str, ...], dag: str = "") -> None:
        """The accepted notebook and page of each stage."""
        for stage in stages:
            reports = day.reports(dag or self.train)
            files.write_json(reports / f"{stage}.ipynb", {"cells": [], "metadata": {}, "ds": day.ds})
            files.write_bytes(reports / f"{stage}.html", f"{stage} of {day}".encode())


EXAMPLE = Shape(
    "tiny",
    "train_weekly",
    ("01_prepare", "02_split", "03_train", "04_validate", "05_review", "06_record", "07_promote"),
    "05_review",
    "processed/{ds}/val.csv",
)
OTHER = Shape(
    "churn-2",
    "customers.nightly",
    ("1_load", "2_clean", "9_fit", "10_judge", "11_note", "12_sign", "13_ship", "14_tell"),
    "10_judge",
    "held/{ds}/customers.parquet",
    key="customer",
)
"""Eight stages, whose order is that of their numbers and not of their names, and the review in the middle."""
