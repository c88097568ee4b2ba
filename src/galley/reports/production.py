"""Production: which version of a model is there, by whose decision, and what became of all that was decided before.

Decisions are the signed statements, checked. That one was carried out says the conclusion of the stage that did it, or
a later statement, which names the version that was in production then.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from galley.errors import SignatureError
from galley.proof.chain import Chain, Signed
from galley.proof.decision import APPROVE, ROLLBACK, stamp_in_words
from galley.proof.keys import TrustedKeys
from galley.reports.index import Index
from galley.settings import Settings

IN_PRODUCTION = "in production"
_AGAINST = "against"
"""The verdict of a review that recommends a reject; galley.review has it too, with libraries that no web server has."""
_MOVED = "previous_version"
"""What a stage concludes beside `version` when it has put that into production."""


@dataclass(frozen=True)
class Line:
    """A decision about a version, and what became of the version by it; `became` is blank if nothing did.

    `page` is the review's page, as a path from outputs on; blank if there is none. `at` is a stamp, `form` the digest
    of the text that was answered. `is_against`: it was approved although the review's verdict was against it.
    """

    version: str
    ds: str
    decision: str
    person: str
    reason: str
    at: str
    page: str
    form: str
    became: str
    is_against: bool


@dataclass(frozen=True)
class Production:
    """A model's decisions, newest first, and the one by which a version is in production; None if nothing is.

    `fault` says why nothing of this is known.
    """

    model: str
    current: Line | None = None
    lines: tuple[Line, ...] = ()
    fault: str = ""

    def can_return_to(self, line: Line) -> bool:
        """Whether that is the last approval of a version that was in production and is not any more."""
        latest = next((each for each in self.lines if each.version == line.version and each.became), None)
        return line is latest and self.current is not None and self.current.version != line.version


class Productions:
    """What outputs say of the models. Statements that were checked are kept: years of signatures take long."""

    def __init__(self, settings: Settings, index: Index) -> None:
        self._settings = settings
        self._index = index
        self._known: dict[str, tuple[Hashable, tuple[Signed, ...]]] = {}

    def of(self, model: str) -> Production:
        """What they say of a model."""
        try:
            statements = self._statements(model)
        except SignatureError as error:
            return Production(model, fault=str(error))
        lines = tuple(self._lines(statements))[::-1]
        return Production(model, next((line for line in lines if line.became == IN_PRODUCTION), None), lines)

    def _statements(self, model: str) -> tuple[Signed, ...]:
        chain = Chain.of(self._settings.outputs, model)
        stamp = self._index.listing.stamp(chain.folder)
        known = self._known.get(model)
        if known is None or known[0] != stamp or not self._index.listing.is_settled(stamp):
            known = (stamp, chain.read(TrustedKeys.read(self._settings.keys)))
            self._known[model] = known
        return known[1]

    def _lines(self, statements: Sequence[Signed]) -> Iterator[Line]:
        carried_out = [n for n in range(len(statements)) if self._is_carried_out(statements, n)]
        for n, signed in enumerate(statements):
            others = (statements[later] for later in carried_out if later > n)
            following = next((other for other in others if _version(other) != _version(signed)), None)
            became = _became(following) if n in carried_out else ""
            yield _line(signed, became, is_against=self._is_against(signed))

    def _is_carried_out(self, statements: Sequence[Signed], n: int) -> bool:
        decided = statements[n].statement.decided
        if decided.decision not in (APPROVE, ROLLBACK):
            return False
        concluded = self._concluded(statements[n])
        return any(_MOVED in each for each in concluded) or any(
            later.statement.decided.champion == decided.version for later in statements[n + 1 :]
        )

    def _is_against(self, signed: Signed) -> bool:
        is_approval = signed.statement.decided.decision == APPROVE
        return is_approval and any(each.get("verdict") == _AGAINST for each in self._concluded(signed))

    def _concluded(self, signed: Signed) -> list[dict[str, Any]]:
        """What the stages of the decision's own run concluded about its version."""
        pages = _pages(signed)
        every = self._index.numbers(*pages[-1].parts[1:3]).values() if pages else ()
        version = _version(signed)
        return [each for each in every if isinstance(each, dict) and str(each.get("version")) == version]


def _became(following: Signed | None) -> str:
    """What became of a version that was put into production, by the next decision that was carried out."""
    if following is None:
        return IN_PRODUCTION
    decided = following.statement.decided
    when = stamp_in_words(decided.answered_at)
    if decided.decision == ROLLBACK:
        return f"rolled back to version {decided.version} by {decided.person}, {when}"
    return f"replaced by version {decided.version}, {when}"


def _version(signed: Signed) -> str:
    return signed.statement.decided.version


def _pages(signed: Signed) -> list[PurePosixPath]:
    """The pages that were read, from outputs on; the review's is the last."""
    return [PurePosixPath(file.name) for file in signed.statement.decided.reports if file.name.endswith(".html")]


def _line(signed: Signed, became: str, *, is_against: bool) -> Line:
    decided, pages = signed.statement.decided, _pages(signed)
    return Line(
        version=decided.version,
        ds=decided.ds,
        decision=decided.decision,
        person=decided.person,
        reason=decided.reason,
        at=decided.answered_at,
        page="/".join(pages[-1].parts[1:]) if pages else "",
        form=decided.form.sha256,
        became=became,
        is_against=is_against,
    )
