"""The journal: which version was champion from when to when, and by whose decision.

MLflow keeps no history of an alias, so each move is written down as a tag of the registered model, whose key is the
time: a shared server serves many machines. MLflow gives a registered model only as a whole, with every move and every
version there ever was, so the champion's own version carries the last moves too. One look at it tells what a prediction
asks, after five years as on the first day.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import pairwise

from galley.proof.decision import ROLLBACK, TAKEN_BACK

PREFIX = "galley.champion/"
LAST_MOVES_TAG = "galley.last_moves"
"""Tag of the version that is champion, and of no other."""

LAST_MOVES = 12
"""How many it carries: a quarter of a year, so that a prediction made up for finds its champion there."""

REASON_LIMIT = 1000
"""Characters: the tag of a registered model holds 5000."""


@dataclass(frozen=True)
class Entry:
    """A move of the champion. A blank version means that from then on there was none."""

    since: str
    version: str
    decision: str
    by: str
    reason: str
    dag_run: str

    def tag(self) -> tuple[str, str]:
        """The key and value that keep it."""
        facts = {**asdict(self), "reason": self.reason[:REASON_LIMIT]}
        return PREFIX + facts.pop("since"), json.dumps(facts, sort_keys=True, ensure_ascii=False)


def entries(tags: Mapping[str, str]) -> list[Entry]:
    """The journal in a registered model's tags, oldest first."""
    found = sorted((key, value) for key, value in tags.items() if key.startswith(PREFIX))
    return [Entry(since=key.removeprefix(PREFIX), **json.loads(value)) for key, value in found]


def last_moves_tag(journal: Sequence[Entry]) -> tuple[str, str]:
    """The key and value that keep the end of the journal with the champion."""
    last = dict(entry.tag() for entry in journal[-LAST_MOVES:])
    return LAST_MOVES_TAG, json.dumps(last, ensure_ascii=False)


def last_moves(tags: Mapping[str, str]) -> list[Entry]:
    """The end of the journal in a version's tags, oldest first; none if it is not champion by record."""
    return entries(json.loads(tags.get(LAST_MOVES_TAG, "{}")))


def current(journal: Sequence[Entry]) -> str | None:
    """The version that the journal says is champion."""
    return journal[-1].version or None if journal else None


def champion_on(journal: Sequence[Entry], day: date) -> Entry | None:
    """The entry that was in force when a day (UTC) ended; None if there was no champion."""
    past = [entry for entry in journal if datetime.fromisoformat(entry.since).date() <= day]
    return past[-1] if past and past[-1].version else None


def previous_champion(journal: Sequence[Entry]) -> str | None:
    """The version to go back to: the champion before this one, and never one that was itself rolled back."""
    succession: list[str] = []
    for entry in journal:
        if entry.decision in (ROLLBACK, TAKEN_BACK) and (entry.version in succession or not entry.version):
            del succession[succession.index(entry.version) + 1 if entry.version else 0 :]
        elif entry.version not in succession[-1:]:
            succession.append(entry.version)
    return succession[-2] if len(succession) > 1 else None


def champion_periods(journal: Sequence[Entry]) -> Iterator[tuple[Entry, str]]:
    """Each entry that put a champion in place, with the time it ended; blank for the one in force."""
    ends: list[Entry | None] = [*journal, None]
    for entry, following in pairwise(ends):
        if entry is not None and entry.version:
            yield entry, following.since if following else ""
