"""A decision: who let which model version into production or kept it out, when, why, and on which evidence."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from galley.errors import DecisionError
from galley.notebooks.names import stage_of

if TYPE_CHECKING:
    from galley.project import DeclaredModel

FOLDER = "decisions"
"""The folder of outputs in which the chains of signed statements are, one for each model."""
APPROVE = "Approve"
REJECT = "Reject"
NO_ANSWER = "Reject by no answer"
ROLLBACK = "Rollback"
TAKEN_BACK = "Taken back"
REFUSED_ROLLBACK = "Reject of a rollback"
"""It says nothing of the version itself, which stays what it was decided to be."""

DS_TAG = "galley.ds"
DECISION_TAG = "galley.decision"
RECORD_TAG = "galley.record"
DIGEST_TAG = "galley.digest."
"""Tags of a model version; a digest's tag ends in the name of what it is the digest of."""
EVIDENCE_TAG = f"{DIGEST_TAG}evidence"
"""Tag of a version: the digests of all but the model by their names, as JSON. Older versions have a tag for each."""

NOT_DECIDED = "not by a recorded decision"
"""What is said of predictions by a model that is not in production."""
_DEADLINE = re.compile(r"^Please answer by ([\d-]+ [\d:]+ UTC): silence is a Reject\.$", re.MULTILINE)

NOBODY = "nobody"
"""Who answered when nobody did."""

MODEL = "model"
ABSENT = "absent"
"""What stands for the digest of a file that is not there, as when a stage was run manually."""


@dataclass(frozen=True)
class Decision:
    """One decision about one version, with the digests of its evidence: the model, its validation data, the reports.

    `champion` is the version that was in production when it was reviewed: blank if there was none, None if no review
    said so, as when the stages were run manually. `statement` is the position and the digest of the signed statement
    that it is a copy of: that counts, and this is for people and for searching.
    """

    decision: str
    version: str
    ds: str
    reviewer: str
    reason: str
    decided_at: str
    dag_run: str
    digests: Mapping[str, str]
    champion: str | None = None
    statement: str = ""

    def tags(self) -> dict[str, str]:
        """The tags that record it: the whole as JSON, which is what is read, and its parts for people to see."""
        parts = {
            DECISION_TAG: self.decision,
            "galley.reviewer": self.reviewer,
            "galley.reason": self.reason,
            "galley.decided_at": self.decided_at,
            "galley.dag_run": self.dag_run,
        }
        return {**parts, RECORD_TAG: json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)}


@dataclass(frozen=True)
class Version:
    """A registered version and what its tags say of it."""

    version: str
    tags: Mapping[str, str]

    @property
    def age(self) -> tuple[str, int]:
        """What orders versions: the day they were trained on, then the order in which they were registered."""
        return self.tags.get(DS_TAG, ""), int(self.version)


def recorded(tags: Mapping[str, str]) -> Decision | None:
    """The decision that a version's tags record."""
    text = tags.get(RECORD_TAG)
    return Decision(**json.loads(text)) if text else None


def outcome(answer: str, reviewer: str, reason: str) -> str:
    """What an answer to the review amounts to. Nobody approves by silence, nobody approves without a reason."""
    nobody = reviewer.strip() in ("", NOBODY)
    if answer == REJECT:
        return NO_ANSWER if nobody else REJECT
    if answer != APPROVE:
        raise DecisionError(f"The answer is {answer!r}. It has to be {APPROVE!r} or {REJECT!r}.")
    if nobody:
        raise DecisionError("The approval names no reviewer. Answer the review in Airflow's UI, as a named user.")
    if not reason.strip():
        raise DecisionError("The approval gives no reason. Answer the review again, and say why.")
    return APPROVE


def stamp(time: datetime) -> str:
    """A time as records keep it: UTC, to the microsecond, so that stamps sort as their times do."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def stamp_in_words(stamp: str) -> str:
    """A stamp for people, to the minute."""
    return f"{stamp[:16].replace('T', ' ')} UTC"


def deadline_in_words(stamp: str) -> str:
    """What a form says of the time until which it can be answered, as a paragraph of its own."""
    return f"Please answer by {stamp_in_words(stamp)}: silence is a Reject."


def deadline_of(form: str) -> str:
    """The time that `deadline_in_words` said in the text of a form; blank if it did not."""
    found = _DEADLINE.search(form)
    return found[1] if found else ""


def promotion_blocker(
    candidate: Version,
    decision: Decision,
    champion: Version | None,
    challenger: Version | None,
    changed: Sequence[str],
    model: "DeclaredModel",
) -> str | None:
    """Why the candidate may not become champion on this decision, with the next action; None if it may.

    `changed` names the evidence that is no longer what was decided on.
    """
    return (
        _unbound(decision, model)
        or _changed_since(decision, changed, model)
        or _overtaken(candidate, champion)
        or _replaced(candidate, champion, challenger, model)
        or moved(decision, champion, model)
    )


def is_bound(decision: Decision, review: str) -> bool:
    """Whether it has the digests of the notebook and the page of a review, the stage of that name."""
    found = {name.rpartition(".")[2] for name, digest in decision.digests.items() if _is_report(name, digest, review)}
    return found == {"ipynb", "html"}


def _is_report(name: str, digest: str, stage: str) -> bool:
    stem, _, kind = name.rpartition(".")
    return kind in ("ipynb", "html") and stage_of(stem) == stage and digest != ABSENT


def _unbound(decision: Decision, model: "DeclaredModel") -> str | None:
    if is_bound(decision, model.review):
        return None
    return (
        f"Version {decision.version} was approved without the report of its review, the stage {model.review!r} of "
        f"{model.train}. Clear that stage of {decision.ds}, and have the version reviewed."
    )


def _changed_since(decision: Decision, names: Sequence[str], model: "DeclaredModel") -> str | None:
    if not names:
        return None
    return (
        f"What version {decision.version} was approved on has changed since: {', '.join(names)}. Clear {model.train} "
        f"of {decision.ds} from the stage that registers the model on, and review it again."
    )


def _overtaken(candidate: Version, champion: Version | None) -> str | None:
    if champion is None or candidate.age >= champion.age:
        return None
    return (
        f"Version {candidate.version} of {candidate.age[0]} is older than the champion, version {champion.version} "
        f"of {champion.age[0]}. If it is the better one, roll back to version {candidate.version}."
    )


def _replaced(
    candidate: Version, champion: Version | None, challenger: Version | None, model: "DeclaredModel"
) -> str | None:
    is_champion = champion is not None and champion.version == candidate.version
    if is_champion or challenger is None or challenger.version == candidate.version:
        return None
    return (
        f"Version {challenger.version} has become the challenger since version {candidate.version} was reviewed. "
        f"Review that one, or clear {model.train} of {candidate.age[0]} from the stage that registers the model on."
    )


def moved(decision: Decision, champion: Version | None, model: "DeclaredModel") -> str | None:
    """Why a decision does not hold any more, if there is another champion now than the one that its review saw."""
    now = champion.version if champion else ""
    if decision.champion in (None, now) or now == decision.version:
        return None
    then, since = (f"version {version}" if version else "no version" for version in (decision.champion, now))
    return (
        f"When version {decision.version} was reviewed, {then} was the champion; now {since} is. Clear {model.train} "
        f"of {decision.ds} from {model.review} on, to have it compared with what is in production."
    )
