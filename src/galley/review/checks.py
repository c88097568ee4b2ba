"""A verdict: what the checks of a review amount to, for the person who decides."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

APPROVE = "approve"
NEUTRAL = "neutral"
AGAINST = "against"


@dataclass(frozen=True)
class Check:
    """One question to the evidence. A required one that fails speaks against; any other leaves it to the person."""

    name: str
    value: float
    limit: str
    passed: bool
    required: bool = True


def at_least(name: str, value: float, limit: float, *, required: bool = True) -> Check:
    """A check that passes from `limit` on. A value that is no number passes nothing."""
    return Check(name, value, f"at least {limit:g}", value >= limit, required)


def at_most(name: str, value: float, limit: float, *, required: bool = True) -> Check:
    """A check that passes up to `limit`."""
    return Check(name, value, f"at most {limit:g}", value <= limit, required)


def above(name: str, value: float, limit: float, *, required: bool = True) -> Check:
    """A check that passes above `limit`, and not at it."""
    return Check(name, value, f"above {limit:.4g}", value > limit, required)


def below(name: str, value: float, limit: float, *, required: bool = True) -> Check:
    """A check that passes below `limit`, and not at it."""
    return Check(name, value, f"below {limit:.4g}", value < limit, required)


def verdict(checks: Sequence[Check]) -> str:
    """Approve if all pass, against if a required one fails, else neutral: also if nothing was checked."""
    failed = [check for check in checks if not check.passed]
    if any(check.required for check in failed):
        return AGAINST
    return APPROVE if checks and not failed else NEUTRAL


def headline(checks: Sequence[Check]) -> str:
    """The verdict in one sentence, with the checks that failed by name."""
    failed = [check.name for check in checks if not check.passed]
    words = {APPROVE: "Recommend approve", NEUTRAL: "Neutral", AGAINST: "Recommend reject"}[verdict(checks)]
    named = f"; not: {', '.join(failed)}" if failed else ""
    return f"{words}: {len(checks) - len(failed)} of {len(checks)} checks pass{named}."


def checks_table(checks: Sequence[Check]) -> str:
    """The checks as a table in markdown, those that failed first."""
    rows = [
        f"| {'pass' if check.passed else '**FAIL**'} | {check.name} | {_shown(check.value)} | {check.limit} |"
        for check in sorted(checks, key=lambda check: check.passed)
    ]
    return "\n".join(["| | check | value | limit |", "|---|---|---:|---|", *rows])


def _shown(value: float) -> str:
    return "unknown" if math.isnan(value) else f"{value:.4g}"
