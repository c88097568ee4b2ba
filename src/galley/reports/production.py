"""Production: which version of a model is there, by whose decision, and what became of all that was decided before.

Decisions are the signed statements, checked. What was in production from when to when says the journal's copy beside
them.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import PurePosixPath

from galley.errors import SignatureError
from galley.proof.chain import Chain, Signed
from galley.proof.decision import ROLLBACK, TAKEN_BACK, stamp_in_words
from galley.proof.keys import TrustedKeys
from galley.registry.journal import Entry, read_copy
from galley.reports.listing import listing_of
from galley.settings import Settings

IN_PRODUCTION = "in production"


@dataclass(frozen=True)
class Line:
    """A decision about a version, and what became of the version by it; `became` is blank if nothing did.

    `page` is the review's page, as a path from outputs on; blank if there is none. Times are stamps.
    """

    version: str
    ds: str
    decision: str
    person: str
    reason: str
    at: str
    page: str
    became: str


@dataclass(frozen=True)
class Production:
    """A model's version in production since when, blank if there is none, and its decisions, newest first.

    `line` is the decision by which the version is there: None says that no recorded decision is. `fault` says why
    nothing of this can be told.
    """

    model: str
    version: str = ""
    since: str = ""
    line: Line | None = None
    lines: tuple[Line, ...] = ()
    fault: str = ""


class Productions:
    """What outputs say of the models, kept while it is true: checking years of signatures takes longer than a page."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._listing = listing_of(settings.outputs)
        self._known: dict[str, tuple[Hashable, Production]] = {}

    def of(self, model: str) -> Production:
        """What they say of a model."""
        stamp = self._listing.stamp(Chain.of(self._settings.outputs, model).folder)
        known = self._known.get(model)
        if known is None or known[0] != stamp or not self._listing.is_settled(stamp):
            known = (stamp, production(self._settings, model))
            self._known[model] = known
        return known[1]


def production(settings: Settings, model: str) -> Production:
    """What outputs say of a model, as they are now."""
    chain = Chain.of(settings.outputs, model)
    try:
        moves = read_copy(chain.folder)
        statements = chain.read(TrustedKeys.read(settings.keys))
    except (SignatureError, OSError, ValueError) as error:
        return Production(model, fault=str(error))
    became = _became(moves)
    lines = tuple(_line(signed, became) for signed in reversed(statements))
    now = moves[-1] if moves else None
    if now is None or not now.version:
        return Production(model, lines=lines)
    by = next((line for line in lines if line.version == now.version and line.became == IN_PRODUCTION), None)
    return Production(model, now.version, now.since, by, lines)


def _became(moves: list[Entry]) -> Mapping[tuple[str, str], str]:
    """What became of a version by the decision of a DAG run."""
    return {
        (move.version, move.dag_run): _ended(following) for move, following in zip_longest(moves, moves[1:])
    }  # of one that is moved again in the same run, what came last


def _ended(by: Entry | None) -> str:
    if by is None:
        return IN_PRODUCTION
    when = stamp_in_words(by.since)
    if by.decision == ROLLBACK:
        return f"rolled back to version {by.version} by {by.by}, {when}"
    if by.decision == TAKEN_BACK:
        return f"taken back: {by.reason}"
    return f"replaced by version {by.version}, {when}"


def _line(signed: Signed, became: Mapping[tuple[str, str], str]) -> Line:
    decided = signed.statement.decided
    pages = [PurePosixPath(file.name) for file in decided.reports if file.name.endswith(".html")]
    return Line(
        version=decided.version,
        ds=decided.ds,
        decision=decided.decision,
        person=decided.person,
        reason=decided.reason,
        at=decided.answered_at,
        page="/".join(pages[-1].parts[1:]) if pages else "",
        became=became.get((decided.version, decided.task.run), ""),
    )
