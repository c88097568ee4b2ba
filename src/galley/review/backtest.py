"""Live performance and backtest: what was predicted day by day, or would have been, against the targets that came."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from galley.days import Day
from galley.problems.predictor import Predictor
from galley.problems.problem import Problem
from galley.proof.decision import DS_TAG
from galley.registry.models import registry_errors
from galley.registry.versions import TRAINED_ON, Registered
from galley.settings import Settings
from galley.storage import files

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from galley.stage import Stage

Read = Callable[[Path], Path]


@dataclass(frozen=True)
class LiveDay:
    """One day: the version that predicted it, and its rows: the columns of predictions.csv, and `target`.

    `note` says what the day lacks, or why its numbers flatter; blank if nothing is to be said.
    """

    ds: str
    version: str = ""
    rows: pd.DataFrame | None = None
    predicted: int = 0
    note: str = ""
    counts: bool = False


def live(stage: "Stage", registered: Registered, days: Iterable[Day]) -> list[LiveDay]:
    """What production said on each of the days, against what came."""
    model, learned = stage.settings.model, partial(training_days, registered)
    return [live_day(day, stage.read, model.key, model.target, learned) for day in days]


def tried(
    stage: "Stage", registered: Registered, version: str, predictor: Predictor, arrived: Mapping[str, pd.DataFrame]
) -> list[LiveDay]:
    """What a version would have said of the rows that arrived, by their days, against what came."""
    model, learned = stage.settings.model, partial(training_days, registered)

    def judged(ds: str, rows: pd.DataFrame) -> LiveDay:
        given = predictor.problem.frame(predictor(rows)).assign(**{model.key: rows[model.key].array})
        return judged_day(Day.of(ds, stage.settings), version, given, stage.read, model.key, model.target, learned)

    return [judged(ds, rows) for ds, rows in arrived.items() if len(rows)]


def live_day(day: Day, read: Read, key: str, target: str, trained_on: Callable[[str], Sequence[str]]) -> LiveDay:
    """A day in production. `read` states that a file is read; `trained_on` gives the days a version learned from.

    A day that the version was trained on is shown and does not count: it had seen the answers.
    """
    predictions, account = (day.predictions / name for name in ("predictions.csv", "predictions.json"))
    if not predictions.is_file() or not account.is_file():
        return LiveDay(day.ds, note="no predictions")
    facts = files.read_json(read(account))
    version = facts.get("model_version") or facts.get("model_uri") or ""
    given = pd.read_csv(read(predictions), dtype={key: "str"})
    return judged_day(day, version, given, read, key, target, trained_on)


def judged_day(
    day: Day,
    version: str,
    given: pd.DataFrame,
    read: Read,
    key: str,
    target: str,
    trained_on: Callable[[str], Sequence[str]],
) -> LiveDay:
    """A day by what a version gives its rows: `given` has the key and the columns that predictions.csv has of those."""
    targets = day.raw / "target.csv"
    if not targets.is_file():
        return LiveDay(day.ds, version, predicted=len(given), note="no targets yet")
    came = pd.read_csv(read(targets), dtype={key: "str"})[[key, target]].rename(columns={target: "target"})
    rows = given.merge(came, on=key, validate="one_to_one")
    seen = day.ds in trained_on(version)
    lacking = len(given) - len(rows)
    said = [f"{lacking} without target"] if lacking else []
    said += [f"version {version} was trained on this day"] if seen else []
    return LiveDay(day.ds, version, rows, len(given), "; ".join(said), counts=bool(len(rows)) and not seen)


def training_days(registered: Registered, version: str) -> list[str]:
    """The days that a registered version learned from, as it was registered; none for what never was."""
    found = registered.get(version)
    if found is None:
        return []
    return list(json.loads(found.tags.get(TRAINED_ON, "null")) or [found.tags.get(DS_TAG, "")])


def validation_scores(
    client: "MlflowClient", registered: Registered, settings: Settings, version: str
) -> dict[str, float]:
    """The scores of a version's validation, as they were when it was registered; none for what never was."""
    if registered.get(version) is None:
        return {}
    with registry_errors(settings):
        run = client.get_model_version(registered.name, version).run_id
        metrics = client.get_run(run).data.metrics if run else {}
    return {name.removeprefix("val_"): value for name, value in metrics.items() if name.startswith("val_")}


def numbers(problem: Problem, rows: pd.DataFrame) -> dict[str, float]:
    """How the predictions of some rows did: every metric, and what was predicted and what came, on average."""
    target, predicted = rows["target"], problem.read(rows)
    return {
        "rows": len(rows),
        **problem.scores(target, predicted),
        "predicted": float(problem.number(predicted).mean()),
        "actual": float(problem.outcome(target, predicted).mean()),
    }


def together(week: Sequence[LiveDay]) -> pd.DataFrame | None:
    """The rows of all days that count; None if no day does."""
    counting = [day.rows for day in week if day.counts and day.rows is not None]
    return pd.concat(counting, ignore_index=True) if counting else None


def table(problem: Problem, week: Sequence[LiveDay]) -> pd.DataFrame:
    """The week day by day, and together those that count: by the key metric and by those of the baseline."""
    lines = {day.ds: {"version": day.version, **_numbers(problem, day.rows), "note": day.note} for day in week}
    whole = together(week)
    count = sum(day.counts for day in week)
    versions = ", ".join(dict.fromkeys(day.version for day in week if day.counts))
    lines["together"] = {"version": versions, **_numbers(problem, whole), "note": f"{count} of {len(week)} days"}
    return pd.DataFrame(lines).T


def in_a_line(
    problem: Problem, week: Sequence[LiveDay], validated: Mapping[str, float], name: str = "Live performance"
) -> str:
    """The week in one sentence that begins with `name`, beside the key metric of each version's validation."""
    rows = together(week)
    absent = [f"{day.ds} ({day.note})" for day in week if not day.counts]
    left_out = f" Not counted: {', '.join(absent)}." if absent and rows is not None else ""
    if rows is None:
        reasons = ", ".join(dict.fromkeys(day.note for day in week)) or "no days"
        return f"{name}: nothing to judge by ({reasons})."
    live = numbers(problem, rows)
    versions = dict.fromkeys(day.version for day in week if day.counts)
    scores = [f"version {version} validation {validated[version]:.3f}" for version in versions if version in validated]
    return (
        f"{name}: {problem.metrics[problem.key].label} {live[problem.key]:.3f} on {live['rows']:,} rows of "
        f"{_days(sum(day.counts for day in week))} ({'; '.join(scores) or 'no validation score'}); "
        f"predicted {live['predicted']:{problem.level}}, actual {live['actual']:{problem.level}}.{left_out}"
    )


def _days(count: int) -> str:
    return f"{count} day{'s' * (count != 1)}"


def _numbers(problem: Problem, rows: pd.DataFrame | None) -> dict[str, float]:
    if rows is None or rows.empty:
        return {"rows": 0}
    shown = ("rows", problem.key, *problem.against_baseline, "predicted", "actual")
    return {name: value for name, value in numbers(problem, rows).items() if name in shown}
