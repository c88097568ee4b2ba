"""Rows for a tiny model; its registration, its review and the answer to that, in whichever shape its project has."""

from collections.abc import Mapping

import decide
from shapes import EXAMPLE, OTHER, Shape

from galley.days import Day
from galley.proof.decision import Decision
from galley.registry import models, promotion, versions
from galley.registry.evidence import reviewed

ROWS = [[float(a), float(a % 3)] for a in range(20)]
TARGET = [int(a > 9) for a in range(20)]
SHAPES = {shape.model: shape for shape in (EXAMPLE, OTHER)}


def shape_of(day: Day) -> Shape:
    return SHAPES[day.settings.model.name]


def register(day: Day, metrics: Mapping[str, float]) -> str:
    return versions.register(day, metrics, stage=shape_of(day).registers)


def review(day: Day, version: str, champion: str | None = None) -> None:
    """What the review of the day concludes, as far as the record reads it."""
    shape = shape_of(day)
    seen = {} if champion is None else {"champion_at_review": champion}
    shape.conclude(day, shape.review, version=version, **seen)


def answer(day: Day, decision: str, reviewer: str = "ada", reason: str = "it is better") -> None:
    """Answer the review of the newest version, which is made if there is none, and record the answer."""
    version = versions.Registered(models.registry_client(day.settings), day.settings).of_day(day.ds).version
    found = reviewed(day)
    if found is None or found.version != version:
        review(day, version)
    decide.answer(day, decision, reviewer, reason)
    promotion.record(day)


def roll_back(day: Day, version: str = "", run: str = "rollback__1", person: str = "grace") -> Decision:
    """Ask to go back to a version, have that approved, and do it."""
    shape, settings = shape_of(day), day.settings
    target = promotion.rollback_target(settings, version)
    champion = versions.Registered(models.registry_client(settings), settings).aliases.get("champion", "")
    shape.conclude(day, shape.review, "rollback", version=target.version, champion_at_review=champion)
    shape.leave_reports(day, (shape.review,), "rollback")
    decide.answer(day, "Approve", person, "late flights were missed", dag_id="rollback", run=run)
    return promotion.rollback(settings, run)
