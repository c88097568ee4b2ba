"""Evidence: what a decision about a day's model rests on, and its digests.

That is the model's files, the files that the project declares, galley.toml itself, and the notebook and page of each
stage of the training up to its review. Stages are in the order of the numbers that their notebooks' names begin with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from galley.days import Day
from galley.errors import DecisionError
from galley.notebooks.names import order, stage_of
from galley.proof.decision import ABSENT, MODEL
from galley.registry.folder import model_digest
from galley.settings import relative_name
from galley.storage import files


@dataclass(frozen=True)
class Reviewed:
    """What the accepted review of a day concluded: about which version, with which champion in production.

    `champion` is blank if there was none, and None if the review did not say.
    """

    version: str
    champion: str | None
    conclusion: Mapping[str, Any]


def reports(day: Day, dag_id: str = "") -> list[Path]:
    """The accepted notebooks of a DAG's day and their pages, in order; none if the stages were run manually.

    Here and below, a blank DAG is the one that trains the model.
    """
    folder = day.reports(dag_id or day.settings.model.train)
    found = [path for kind in ("*.ipynb", "*.html") for path in folder.glob(kind)]
    return sorted(found, key=lambda path: order(path.name))


def is_review(day: Day, stem: str) -> bool:
    """Whether it is the notebook of the stage that a person reads."""
    return stage_of(stem) == day.settings.model.review


def reports_before(day: Day, stage: str) -> list[Path]:
    """The reports of the stages before this one, in order. `stage` is its name, with the number or without.

    Raises DecisionError for a stage that the training does not have.
    """
    found, model = reports(day), day.settings.model
    sources = (day.settings.notebooks / model.train).glob("*.ipynb")
    stems = {path.stem for path in (*sources, *found) if stage in (path.stem, stage_of(path.stem))}
    if not stems:
        raise DecisionError(f"{model.train} has no stage {stage!r}. Name one of its notebooks, as in NN_{stage}.ipynb.")
    limit = min(map(order, stems))
    return [path for path in found if order(path.stem) < limit]


def reports_to_review(day: Day, dag_id: str = "") -> list[Path]:
    """The reports of the stages up to the review, and the review's own; none of them without a review."""
    found = reports(day, dag_id)
    limit = next((order(path.stem) for path in found if is_review(day, path.stem)), None)
    return [path for path in found if limit is not None and order(path.stem) <= limit]


def evidence(day: Day, of_reports: list[Path]) -> dict[str, str]:
    """The digest of each thing that a decision rests on, with these reports, by its name; ABSENT for what is gone."""
    settings = day.settings
    return {
        MODEL: model_digest(day.models) if (day.models / "MLmodel").is_file() else ABSENT,
        settings.project_file.name: settings.project.digest or ABSENT,
        **{
            relative_name(path, settings): files.digest(path) if path.is_file() else ABSENT
            for path in declared_files(day)
        },
        **{report.name: files.digest(report) for report in of_reports},
    }


def declared_files(day: Day) -> list[Path]:
    """The files that the project declares as evidence."""
    settings = day.settings
    return [settings.model_data / path.format(ds=day.ds) for path in settings.model.evidence]


def concluded(day: Day, stage: str, dag_id: str = "") -> dict[str, Any]:
    """What an accepted stage of the DAG's day concluded; empty if there is nothing."""
    path = day.reports(dag_id or day.settings.model.train) / "metrics.json"
    found = files.read_json(path).get(stage) if path.is_file() else None
    return found if isinstance(found, dict) else {}


def reviewed(day: Day, dag_id: str = "") -> Reviewed | None:
    """What the day's review concluded; None if there was none, or if it does not say which version it is about."""
    conclusion = concluded(day, day.settings.model.review, dag_id)
    version, champion = conclusion.get("version"), conclusion.get("champion_at_review")
    if version is None:
        return None
    return Reviewed(str(version), None if champion is None else str(champion), conclusion)


def require_review(day: Day, dag_id: str = "", version: str = "") -> Reviewed:
    """The review of the day, of this very version if one is named, with its report. Raises DecisionError without."""
    found, model = reviewed(day, dag_id), day.settings.model
    if found is None or not reports_to_review(day, dag_id):
        raise DecisionError(
            f"There is no review to decide on: the stage {model.review!r} of {dag_id or model.train}, which "
            f"{day.settings.project_file.name} names, left no report with a version for {day}. Run it first."
        )
    if version and found.version != version:
        raise DecisionError(
            f"The review of {day} is about version {found.version}, and version {version} has been registered since. "
            f"Clear {model.train} of that day from {model.review} on, and review it again."
        )
    return found
