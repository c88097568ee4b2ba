"""Rows for a tiny model, and the answer to its review."""

from galley.days import Day
from galley.registry import promotion

ROWS = [[float(a), float(a % 3)] for a in range(20)]
TARGET = [int(a > 9) for a in range(20)]


def answer(
    day: Day, decision: str, reviewer: str = "ada", reason: str = "it is better", at: str = "2013-01-01T10:00:00Z"
) -> None:
    promotion.record(day, decision, reviewer, reason, at, "manual__1")
