"""Production: a decision is recorded, a challenger becomes champion, a champion is rolled back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from galley.days import Day
from galley.errors import DecisionError
from galley.handover import is_ad_hoc
from galley.proof.chain import HEAD_TAG, Head, Signed
from galley.proof.check import changes, newest
from galley.proof.decision import ROLLBACK, TAKEN_BACK, Decision, Version, moved, promotion_blocker, stamp
from galley.proof.keys import TrustedKeys
from galley.registry import card, journal
from galley.registry.approval import approval_of, approved, chain_of, decision_of
from galley.registry.evidence import reports
from galley.registry.journal import Entry
from galley.registry.models import CHALLENGER, CHAMPION, PREVIOUS_CHAMPION, registry_client, registry_errors, resolve
from galley.registry.versions import Registered, tag, training_run
from galley.settings import Settings, absolute_path
from galley.storage import files

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from galley.problems.problem import Array

_SAME = 1e-9
"""How far two predictions of the same model may be apart, by the size of the largest where that is more than 1."""


@dataclass(frozen=True)
class Promotion:
    """What a promotion did: the versions, and what the challenger and the alias say of the smoke set."""

    version: str
    previous: str | None
    expected: "Array"
    given: "Array"

    @property
    def furthest_apart(self) -> float:
        """The largest difference between the two."""
        return _furthest(self.expected, self.given)


def record(day: Day) -> Decision:
    """Copy the signed answer to the day's review to the tags of the version that it is about.

    Statements are made where the answer is heard, and nowhere else. They say what was decided, whatever became of the
    files since: it is `promote` that refuses. Raises DecisionError if nobody answered a review of that version, and
    where a person tries something.
    """
    _require_schedule()
    client = registry_client(day.settings)
    candidate = Registered(client, day.settings).of_day(day.ds)
    known = candidate.tags.get(HEAD_TAG)
    statements = chain_of(day.settings).read(TrustedKeys.read(day.settings.keys), Head.parse(known) if known else None)
    decision = decision_of(newest(statements, candidate.version), day.settings)
    tag(client, day.settings, candidate.version, {**decision.tags(), HEAD_TAG: decision.statement})
    return decision


def differing(day: Day) -> list[str]:
    """The names of the evidence that is no longer what the newest answer to the day's review is about."""
    settings = day.settings
    candidate = Registered(registry_client(settings), settings).of_day(day.ds)
    keys = TrustedKeys.read(settings.keys)
    return _differing(newest(chain_of(settings).read(keys), candidate.version), settings)


def log_reports(day: Day) -> list[str]:
    """Log the day's executed notebooks and their pages to the MLflow run of the training; returns their names."""
    client = registry_client(day.settings)
    found = reports(day)
    with registry_errors(day.settings):
        for report in found:
            client.log_artifact(training_run(day.models), str(files.local(report)), artifact_path="reports")
    return [report.name for report in found]


def promote(day: Day, smoke: Any) -> Promotion:
    """Make the day's approved challenger the champion, and prove it on `smoke`, a frame of rows to predict.

    Raises DecisionError or SignatureError when there is no signed approval, when the evidence changed, when the
    champion or the challenger is a newer one, when the champion is not the one that the review saw, and, with the
    former champion back in place, when the alias predicts something else than the challenger did. Doing it again
    finishes what was begun.
    """
    _require_schedule()
    settings = day.settings
    client = registry_client(settings)
    registered = Registered(client, settings)
    candidate = registered.of_day(day.ds)
    signed = approval_of(candidate, settings)
    decision = decision_of(signed, settings)
    champion, challenger = registered.alias(CHAMPION), registered.alias(CHALLENGER)
    blocker = promotion_blocker(candidate, decision, champion, challenger, _differing(signed, settings), settings.model)
    if blocker:
        raise DecisionError(blocker)
    # Refuses files that are not those which were decided on.
    resolve(f"models:/{settings.model.name}/{candidate.version}", settings, was_champion=True)
    expected = _predicted(str(day.models), smoke, settings)
    _set_champion(client, settings, decision)
    previous = journal.previous_champion(Registered(client, settings).journal)
    given = _proven(client, settings, decision, previous, smoke, expected)
    _point(client, settings, PREVIOUS_CHAMPION, previous)
    card.restate(client, Registered(client, settings), settings)
    return Promotion(candidate.version, previous, expected, given)


def rollback_target(settings: Settings, version: str = "") -> Version:
    """The version to go back to: the one that is named, or the champion before this one.

    Raises DecisionError if there is none, if it is the champion already, or if no signed statement approves of it.
    """
    registered = Registered(registry_client(settings), settings)
    chosen = version.strip() or journal.previous_champion(registered.journal)
    if chosen is None:
        raise DecisionError(f"{registered.name} has no champion before this one. Name the version to go back to.")
    target = registered.find(chosen)
    if target == registered.alias(CHAMPION) and chosen == journal.current(registered.journal):
        raise DecisionError(f"Version {chosen} is the champion already. Name another, or leave it blank.")
    approved(chosen, settings, TrustedKeys.read(settings.keys))
    return target


def rollback(settings: Settings, dag_run: str) -> Decision:
    """Make the version the champion again that a person decided to go back to in this DAG run.

    Raises DecisionError or SignatureError if nobody did, if its files are not those that were decided on, and if there
    was another champion since. Doing it again finishes what was begun.
    """
    _require_schedule()
    client = registry_client(settings)
    registered = Registered(client, settings)
    signed = _decided_in(settings, dag_run)
    decision = decision_of(signed, settings)
    blocker = moved(decision, registered.alias(CHAMPION), settings.model)
    if blocker:
        raise DecisionError(blocker)
    tag(client, settings, decision.version, {HEAD_TAG: decision.statement})
    resolve(f"models:/{settings.model.name}/{decision.version}", settings, was_champion=True).load()
    _set_champion(client, settings, decision)
    after = Registered(client, settings)
    _point(client, settings, PREVIOUS_CHAMPION, journal.previous_champion(after.journal))
    card.restate(client, after, settings)
    resolve("", settings).load()
    return decision


def _require_schedule() -> None:
    """Raise DecisionError in JupyterLab and in `galley diff`, which change nothing of the schedule's."""
    if is_ad_hoc():
        raise DecisionError("Only the schedule moves production, and this is a trial. Run the DAG for it.")


def _decided_in(settings: Settings, dag_run: str) -> Signed:
    """The newest statement of a DAG run, if it is one to roll back."""
    statements = chain_of(settings).read(TrustedKeys.read(settings.keys))
    found = [signed for signed in statements if signed.statement.decided.task.run == dag_run]
    if not found or found[-1].statement.decided.decision != ROLLBACK:
        raise DecisionError(
            f"There is no signed decision to roll back in the run {dag_run!r}. Trigger the DAG, and have its review "
            "answered in Airflow."
        )
    return approved(found[-1].statement.decided.version, settings, TrustedKeys.read(settings.keys))


def _differing(signed: Signed, settings: Settings) -> list[str]:
    """The names of what is no longer as it was decided on."""
    found = changes(signed.statement, partial(absolute_path, settings=settings))
    names = [finding.name for finding in found if finding.is_fault]
    project = signed.statement.decided.project
    is_same = (project.sha256 if project else "") == settings.project.digest
    return names if is_same else [*names, settings.project_file.name]


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
    expected: "Array",
) -> "Array":
    """What the alias says of the smoke set; if it is not what is expected, the former champion is put back."""
    try:
        given = _predicted(CHAMPION, smoke, settings)
        _require_same(expected, given, decision.version)
    except Exception as error:
        why = f"the promotion was not proven: {error}"
        _set_champion(client, settings, replace(decision, decision=TAKEN_BACK, version=previous or "", reason=why))
        raise
    return given


def _predicted(uri: str, rows: Any, settings: Settings) -> "Array":
    """What a model says of these rows."""
    return resolve(uri, settings).predictor()(rows)


def _furthest(one: "Array", other: "Array") -> float:
    return float(abs(one - other).max(initial=0.0))


def _require_same(expected: "Array", given: "Array", version: str) -> None:
    furthest, size = _furthest(expected, given), max(1.0, float(abs(expected).max(initial=0.0)))
    if not furthest <= _SAME * size:
        raise DecisionError(
            f"Through the alias, version {version} predicts something else for the smoke set than the challenger did "
            f"(by up to {furthest:.2g}). The former champion is back. Train with a fixed seed, and compare library "
            "versions."
        )
