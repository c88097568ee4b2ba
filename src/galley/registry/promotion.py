"""Production: a decision is recorded, a challenger becomes champion, a champion is rolled back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from galley.days import Day
from galley.errors import DecisionError
from galley.proof.decision import (
    APPROVE,
    NOBODY,
    ROLLBACK,
    TAKEN_BACK,
    Decision,
    Version,
    is_approved,
    outcome,
    promotion_blocker,
    recorded,
    stamp,
    stamped,
)
from galley.registry import card, journal
from galley.registry.evidence import evidence, reports, reports_to_review, require_review, reviewed
from galley.registry.journal import Entry
from galley.registry.models import CHALLENGER, CHAMPION, PREVIOUS_CHAMPION, connect, registry_errors, resolve
from galley.registry.versions import Registered, registered_digests, tag, training_run
from galley.settings import Settings
from galley.storage import files

if TYPE_CHECKING:
    from mlflow import MlflowClient

_SAME_SCORE = 1e-9


@dataclass(frozen=True)
class Promotion:
    """What a promotion did: the versions, and the smoke set's scores by the challenger and through the alias."""

    version: str
    previous: str | None
    expected: Sequence[float]
    given: Sequence[float]


def record(day: Day, answer: str, reviewer: str, reason: str, answered_at: str, dag_run: str) -> Decision:
    """Write down the answer to the day's review, as tags of the version it is about.

    The evidence is what it was when it was registered and reviewed. Records say what was decided, whatever became of
    the files since: it is `promote` that refuses. Raises DecisionError for an approval of a version that was not
    reviewed.
    """
    client = connect(day.settings)
    candidate = Registered(client, day.settings).of_day(day.ds)
    decided = outcome(answer, reviewer, reason)
    review = require_review(day, candidate.version) if decided == APPROVE else reviewed(day)
    decision = Decision(
        decision=decided,
        version=candidate.version,
        ds=day.ds,
        reviewer=reviewer.strip() or NOBODY,
        reason=reason,
        decided_at=stamped(answered_at),
        dag_run=dag_run,
        digests={**evidence(day, reports_to_review(day)), **registered_digests(candidate)},
        champion=review.champion if review and review.version == candidate.version else None,
    )
    tag(client, day.settings, candidate.version, decision.tags())
    return decision


def log_reports(day: Day) -> list[str]:
    """Log the day's executed notebooks and their pages to the MLflow run of the training; returns their names."""
    client = connect(day.settings)
    found = reports(day)
    with registry_errors(day.settings):
        for report in found:
            client.log_artifact(training_run(day.models), str(files.local(report)), artifact_path="reports")
    return [report.name for report in found]


def promote(day: Day, smoke: Any) -> Promotion:
    """Make the day's approved challenger the champion, and prove it on `smoke`, a frame of rows to score.

    Raises DecisionError when there is no recorded approval, when the evidence changed, when the champion or the
    challenger is a newer one, when the champion is not the one that the review saw, and, with the former champion back
    in place, when the alias serves other scores than the challenger gave. Doing it again finishes what was begun.
    """
    settings = day.settings
    client = connect(settings)
    registered = Registered(client, settings)
    candidate = registered.of_day(day.ds)
    decision = recorded(candidate.tags)
    digests = evidence(day, reports_to_review(day))
    champion, challenger = registered.alias(CHAMPION), registered.alias(CHALLENGER)
    blocker = promotion_blocker(candidate, champion, challenger, digests, settings.model)
    if blocker or decision is None:
        raise DecisionError(blocker)
    _require_no_rollback_since(registered, decision, settings)
    # Refuses files that are not the registered ones.
    resolve(f"models:/{settings.model.name}/{candidate.version}", settings)
    expected = _scores(str(day.models), smoke, settings)
    _set_champion(client, settings, decision)
    previous = journal.previous_champion(Registered(client, settings).journal)
    given = _proven(client, settings, decision, previous, smoke, expected)
    _point(client, settings, PREVIOUS_CHAMPION, previous)
    card.restate(client, Registered(client, settings), settings)
    return Promotion(candidate.version, previous, expected, given)


def rollback(settings: Settings, version: str, reason: str, requested_by: str, dag_run: str) -> Decision:
    """Make an approved version the champion again: `version`, or if that is blank the champion before this one.

    Raises DecisionError for a version that was never approved or whose files changed, and if there is none to go back
    to. The same DAG run doing it again finishes what it began and does not go back further.
    """
    client = connect(settings)
    registered = Registered(client, settings)
    target = _target(registered, version.strip(), dag_run)
    _require_rollback(target, reason, requested_by)
    resolve(f"models:/{settings.model.name}/{target.version}", settings).load()
    decision = Decision(
        decision=ROLLBACK,
        version=target.version,
        ds=target.age[0],
        reviewer=requested_by,
        reason=reason,
        decided_at=stamp(datetime.now(UTC)),
        dag_run=dag_run,
        digests=registered_digests(target),
    )
    _set_champion(client, settings, decision)
    after = Registered(client, settings)
    _point(client, settings, PREVIOUS_CHAMPION, journal.previous_champion(after.journal))
    card.restate(client, after, settings)
    resolve("", settings).load()
    return decision


def _require_no_rollback_since(registered: Registered, approval: Decision, settings: Settings) -> None:
    """A version that was rolled back does not return on its old approval, as when a finished task is cleared."""
    rollback = journal.rolled_back_since(registered.journal, approval.version, approval.decided_at)
    if rollback is not None:
        raise DecisionError(
            f"Production was rolled back to version {rollback.version} by {rollback.by} after version "
            f"{approval.version} was approved. Clear the approval of {approval.ds} in {settings.model.train} to have "
            "it reviewed again."
        )


def _target(registered: Registered, version: str, dag_run: str) -> Version:
    """The version to roll back to."""
    last = registered.journal[-1] if registered.journal else None
    if last and dag_run and (last.decision, last.dag_run) == (ROLLBACK, dag_run):
        return registered.find(last.version)
    chosen = version or journal.previous_champion(registered.journal)
    if chosen is None:
        raise DecisionError(f"{registered.name} has no champion before this one. Name the version to go back to.")
    target = registered.find(chosen)
    if target == registered.alias(CHAMPION) and chosen == journal.current(registered.journal):
        raise DecisionError(f"Version {chosen} is the champion already. Name another, or leave it blank.")
    return target


def _require_rollback(target: Version, reason: str, requested_by: str) -> None:
    if not reason.strip() or not requested_by.strip():
        raise DecisionError("A rollback needs a reason and the name of who asks for it. Give both.")
    if not is_approved(target.tags):
        raise DecisionError(f"Version {target.version} was never approved. Roll back to one that was.")


def _set_champion(client: "MlflowClient", settings: Settings, decision: Decision) -> None:
    """Write the move into the journal, then move the alias: what a crash leaves undone is done by the next try."""
    registered = Registered(client, settings)
    moves = registered.journal
    begun = (decision.version, decision.decision, decision.dag_run)
    if not moves or (moves[-1].version, moves[-1].decision, moves[-1].dag_run) != begun:
        moves = [*moves, _write(client, settings, decision)]
    _hand_over(client, registered, settings, moves)
    _point(client, settings, CHAMPION, decision.version)


def _write(client: "MlflowClient", settings: Settings, decision: Decision) -> Entry:
    entry = Entry(
        since=stamp(datetime.now(UTC)),
        version=decision.version,
        decision=decision.decision,
        by=decision.reviewer,
        reason=decision.reason,
        dag_run=decision.dag_run,
    )
    with registry_errors(settings):
        client.set_registered_model_tag(settings.model.name, *entry.tag())
    return entry


def _hand_over(client: "MlflowClient", registered: Registered, settings: Settings, moves: Sequence[Entry]) -> None:
    """Have the new champion carry the last moves, and no other: who carries them is taken for champion by record."""
    champion = journal.current(moves)
    for former in registered.with_history():
        if former.version != champion:
            with registry_errors(settings):
                client.delete_model_version_tag(settings.model.name, former.version, journal.LAST_MOVES_TAG)
    if champion:
        tag(client, settings, champion, dict([journal.last_moves_tag(moves)]))


def _point(client: "MlflowClient", settings: Settings, alias: str, version: str | None) -> None:
    """Have an alias name a version, or nothing."""
    with registry_errors(settings):
        if version:
            client.set_registered_model_alias(settings.model.name, alias, version)
        else:
            client.delete_registered_model_alias(settings.model.name, alias)


def _proven(
    client: "MlflowClient",
    settings: Settings,
    decision: Decision,
    previous: str | None,
    smoke: Any,
    expected: Sequence[float],
) -> Sequence[float]:
    """The smoke set's scores through the alias; if they are not what is expected, the former champion is put back."""
    try:
        given = _scores(CHAMPION, smoke, settings)
        _require_same(expected, given, decision.version)
    except Exception as error:
        why = f"the promotion was not proven: {error}"
        _set_champion(client, settings, replace(decision, decision=TAKEN_BACK, version=previous or "", reason=why))
        raise
    return given


def _scores(uri: str, rows: Any, settings: Settings) -> list[float]:
    """The probabilities that a model gives these rows."""
    return [float(score) for score in resolve(uri, settings).load().predict_proba(rows)[:, 1]]


def _require_same(expected: Sequence[float], given: Sequence[float], version: str) -> None:
    furthest = max((abs(one - other) for one, other in zip(expected, given, strict=True)), default=0.0)
    if not furthest <= _SAME_SCORE:
        raise DecisionError(
            f"Through the alias, version {version} scores the smoke set differently than the challenger did (by up to "
            f"{furthest:.2g}). The former champion is back. Train with a fixed seed, and compare library versions."
        )
