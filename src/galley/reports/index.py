"""The index: days, DAGs and stages that there are reports of, by names of folders; keeps what it read while true."""

import json
import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from galley.days import date_stamp, is_day
from galley.notebooks.names import stage_of
from galley.proof.decision import NOT_DECIDED
from galley.reports.listing import OutputsListing, listing_of
from galley.reports.record import Record, text
from galley.run import attempts
from galley.run.attempts import Attempts
from galley.storage import files

ACCEPTED = "accepted"
AWAITING_REVIEW = "awaiting review"
STATES = (
    ACCEPTED, AWAITING_REVIEW, attempts.RUNNING, attempts.FAILED, attempts.TIMED_OUT, attempts.KILLED,
    attempts.INTERRUPTED, attempts.REFUSED,
)  # fmt: skip
"""How a stage of a day can stand, as reports show it."""

_LARGEST = 10_000_000
"""Bytes of metrics.json or decision.json; what has more counts as not there."""
_DECISION = ("decision", "reviewer", "reason")
_NAME = re.compile(r"[\w][\w.+-]{0,249}", re.ASCII)
_NOTEBOOK = re.compile(r"(?P<name>[\w+-][\w.+-]*?)(\.try(?P<number>\d{1,9}))?\.ipynb", re.ASCII)


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a day: its newest attempt, how many there are, and whether a run of it was accepted."""

    name: str
    numbers: tuple[int, ...]
    newest: Record
    is_accepted: bool

    @property
    def label(self) -> str:
        """The name as people say it: fit for 3_fit."""
        return stage_of(self.name)

    @property
    def state(self) -> str:
        """How the newest attempt stands."""
        return ACCEPTED if self.newest.state == attempts.COMPLETED and self.is_accepted else self.newest.state


@dataclass(frozen=True, slots=True)
class DagDay:
    """One DAG on one day: its stages in order and the decision that was made, if there was one to make."""

    ds: str
    dag_id: str
    stages: tuple[Stage, ...]
    decision: dict[str, Any] = field(default_factory=dict)

    def stage(self, name: str) -> Stage | None:
        """The stage of that name."""
        return next((stage for stage in self.stages if stage.name == name), None)


def is_name(name: str) -> bool:
    """Whether it can be the name of one folder or file of ours: nothing in it leads elsewhere."""
    return bool(_NAME.fullmatch(name))


class Index:
    """What the outputs hold. Reads the folders that are asked for, and the last attempt of each stage in them."""

    def __init__(self, outputs: Path) -> None:
        self.outputs = outputs
        self.listing = listing_of(outputs)
        self._known: dict[tuple[str, str], tuple[Hashable, DagDay]] = {}
        self._numbers: dict[tuple[str, str], tuple[Hashable, dict[str, Any]]] = {}
        self._days: tuple[Hashable, list[str]] = (None, [])

    def days(self) -> list[str]:
        """The days that have a folder, newest first."""
        stamp = self.listing.stamp(self.outputs)
        if self._days[0] != stamp or not self.listing.is_settled(stamp):
            found = self.listing.folders(self.outputs)
            self._days = (stamp, sorted((name for name in found if is_day(name)), reverse=True))
        return list(self._days[1])

    def dags(self, ds: str) -> list[str]:
        """The DAGs that have a folder on a day, by name."""
        return sorted(name for name in self.listing.folders(self.outputs / ds) if is_name(name))

    def has(self, ds: str, dag_id: str) -> bool:
        """Whether the DAG has a folder on that day."""
        return is_day(ds) and is_name(dag_id) and self.listing.has_folder(self.outputs / ds / dag_id)

    def day_of(self, dag_id: str, at: datetime) -> str:
        """The day of a DAG's run, by its logical time: with that time where the run has a folder of its own."""
        own = date_stamp(at, is_one_of_several=True)
        return own if self.has(own, dag_id) else date_stamp(at, is_one_of_several=False)

    def neighbours(self, ds: str, dag_id: str) -> tuple[str | None, str | None]:
        """The nearest days before and after that this DAG has reports of."""
        days = self.days()
        before = next((day for day in days if day < ds and self.has(day, dag_id)), None)
        after = next((day for day in reversed(days) if day > ds and self.has(day, dag_id)), None)
        return before, after

    def dag_day(self, ds: str, dag_id: str) -> DagDay:
        """One DAG on one day; without stages if there is none."""
        folder = self.outputs / ds / dag_id
        stamp = self.listing.stamp(folder, folder / "attempts")
        known = self._known.get((ds, dag_id))
        if known is None or known[0] != stamp or not self.listing.is_settled(stamp):
            known = (stamp, _read(ds, dag_id, folder, self.listing))
            self._known[ds, dag_id] = known
        return _alive(known[1], folder)

    def numbers(self, ds: str, dag_id: str) -> dict[str, Any]:
        """What the accepted stages of a DAG concluded on a day: metrics.json."""
        path = self.outputs / ds / dag_id / "metrics.json"
        stamp = self.listing.stamp(path)
        known = self._numbers.get((ds, dag_id))
        if known is None or known[0] != stamp or not self.listing.is_settled(stamp):
            known = (stamp, _json(path, self.listing))
            self._numbers[ds, dag_id] = known
        return known[1]

    def is_undecided(self, ds: str, dag_id: str) -> bool:
        """Whether a stage concluded that it predicted with a model that is not in production by a decision."""
        concluded = self.numbers(ds, dag_id).values()
        return any(isinstance(each, dict) and each.get("model_decision") == NOT_DECIDED for each in concluded)

    def records(self, ds: str, dag_id: str, stage: Stage) -> Iterator[tuple[int, Record, bool]]:
        """The attempts of a stage, newest first: number, record, and whether it is the accepted one."""
        kept = Attempts(self.outputs / ds / dag_id, stage.name)
        accepted = Record.read(kept.accepted) if stage.is_accepted else None
        for number in reversed(stage.numbers):
            is_newest = number == stage.numbers[-1]
            record = stage.newest if is_newest else Record.read(kept.path(number))
            yield number, record, accepted is not None and record.sha256 == accepted.sha256 != ""


def _read(ds: str, dag_id: str, folder: Path, listing: OutputsListing) -> DagDay:
    accepted = {match["name"] for match in _notebooks(listing, folder) if match["number"] is None}
    numbers: dict[str, list[int]] = {name: [] for name in accepted}
    for match in _notebooks(listing, folder / "attempts"):
        if match["number"] is not None:
            numbers.setdefault(match["name"], []).append(int(match["number"]))
    stages = []
    for name, found in sorted(numbers.items()):
        kept = Attempts(folder, name)
        newest = kept.path(max(found)) if found else kept.accepted
        stages.append(Stage(name, tuple(sorted(found)), Record.read(newest), name in accepted))
    return DagDay(ds, dag_id, tuple(stages), _decision(_json(folder / "decision.json", listing)))


def _alive(day: DagDay, folder: Path) -> DagDay:
    """The same, where a stage that says "running" while nobody runs it is interrupted."""
    if all(stage.newest.state != attempts.RUNNING for stage in day.stages):
        return day
    return replace(day, stages=tuple(_checked(stage, folder) for stage in day.stages))


def _checked(stage: Stage, folder: Path) -> Stage:
    if stage.newest.state != attempts.RUNNING or Attempts(folder, stage.name).is_running():
        return stage
    return replace(stage, newest=interrupted(stage.newest))


def interrupted(record: Record) -> Record:
    """What a record amounts to that says "running" when nobody runs it any more."""
    message = "The process that ran this stage ended without a word. The cells below stand as last saved."
    return replace(record, state=attempts.INTERRUPTED, message=message)


def _notebooks(listing: OutputsListing, folder: Path) -> Iterator[re.Match[str]]:
    return filter(None, map(_NOTEBOOK.fullmatch, listing.files(folder)))


def _decision(said: dict[str, Any]) -> dict[str, str]:
    """The texts that pages show of a decision; none, if it is not one."""
    return {key: text(said.get(key)) for key in _DECISION} if text(said.get("decision")) else {}


def _json(path: Path, listing: OutputsListing) -> dict[str, Any]:
    if path.name not in listing.files(path.parent):  # a bucket takes three questions to say so
        return {}
    try:
        content = json.loads(files.read_regular(path, _LARGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
