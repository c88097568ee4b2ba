"""Search: the days that a filter leaves, newest first, a page at a time and without reading more than the page."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from galley.proof.decision import APPROVE, NO_ANSWER, REJECT, ROLLBACK
from galley.reports.index import ACCEPTED, AWAITING_REVIEW, DagDay, Index

DAYS = 28
"""Days on a page."""
DECISIONS = (APPROVE, REJECT, NO_ANSWER, ROLLBACK)
"""What a day can be looked for by that was decided on it."""
REACH = 400
"""DAGs of days that a page looks into before it stops, where a filter finds little; the next page goes on."""


@dataclass(frozen=True)
class Filter:
    """What is looked for: a DAG, a state of a stage, from a day on, up to a day, a decision, words; empty: any.

    Each of the words has to be in the day, the name of the DAG or of a stage, or the decision: its person, its reason.
    """

    dag_id: str = ""
    state: str = ""
    since: str = ""
    until: str = ""
    decision: str = ""
    text: str = ""

    @property
    def is_set(self) -> bool:
        """Whether anything is looked for in particular."""
        return any((self.dag_id, self.state, self.since, self.until, self.decision, self.text))


@dataclass(frozen=True)
class Page:
    """Days with their DAGs, and the day before which the next page goes on; None at the end."""

    days: list[tuple[str, list[DagDay]]]
    before: str | None


def search(
    index: Index,
    wanted: Filter,
    may_read: Callable[[str], bool],
    awaiting: Collection[tuple[str, str]],
    before: str,
    decided: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> Page:
    """The next page of days older than `before` (empty: from the newest).

    `awaiting`: days, DAGs with open reviews. `decided`: what the signed decision about a day and a DAG says, in a text.
    """
    found: list[tuple[str, list[DagDay]]] = []
    looked = 0
    for ds in index.days():
        if (before and ds >= before) or (wanted.until and ds[: len(wanted.until)] > wanted.until):
            continue
        if wanted.since and ds < wanted.since:
            break
        if len(found) == DAYS or looked >= REACH:
            return Page(found, _next(ds))
        dags = [dag_id for dag_id in index.dags(ds) if wanted.dag_id in ("", dag_id) and may_read(dag_id)]
        looked += len(dags)
        every = (index.dag_day(ds, dag_id) for dag_id in dags)
        lines = [day for day in every if _matches(day, wanted, awaiting, decided)]
        if lines:
            found.append((ds, lines))
    return Page(found, None)


def _next(ds: str) -> str:
    """The cursor for which `ds` is the first day that follows: days sort as texts, and "!" comes before any time."""
    return f"{ds}!"


def _matches(
    day: DagDay, wanted: Filter, awaiting: Collection[tuple[str, str]], decided: Mapping[tuple[str, str], str]
) -> bool:
    is_decided_so = wanted.decision in ("", day.decision.get("decision"))
    return is_decided_so and _is_in_state(day, wanted.state, awaiting) and _says(day, wanted.text, decided)


def _says(day: DagDay, words: str, decided: Mapping[tuple[str, str], str]) -> bool:
    names = (stage.name for stage in day.stages)
    said = decided.get((day.ds, day.dag_id), "")
    text = "\n".join((day.ds, day.dag_id, *names, *day.decision.values(), said)).casefold()
    return all(word in text for word in words.casefold().split())


def _is_in_state(day: DagDay, state: str, awaiting: Collection[tuple[str, str]]) -> bool:
    if not state:
        return bool(day.stages)
    if state == AWAITING_REVIEW:
        return (day.ds, day.dag_id) in awaiting
    if state == ACCEPTED:
        return bool(day.stages) and all(stage.state == ACCEPTED for stage in day.stages)
    return any(stage.state == state for stage in day.stages)
