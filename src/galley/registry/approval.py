"""Approval: whether a version may be in production, by the signed statements about it.

Tags in MLflow are for people and for searching: whoever reaches MLflow can write them. What counts is signed; of the
tags, only the one that names the newest statement about a version is read, so that a statement which was taken away is
missed.
"""

from collections.abc import Sequence
from pathlib import Path

from galley.errors import DecisionError
from galley.proof.chain import HEAD_TAG, Chain, Head, Signed
from galley.proof.check import approvers, newest
from galley.proof.decision import APPROVE, MODEL, ROLLBACK, Decision, Version
from galley.proof.keys import TrustedKeys
from galley.proof.statements import Statement
from galley.settings import Settings
from galley.storage import files


def chain_of(settings: Settings) -> Chain:
    """The statements about the model of the settings."""
    return Chain.of(settings.outputs, settings.model.name)


def approved(version: str, settings: Settings, keys: TrustedKeys) -> Signed:
    """The newest statement about a version, by which it may be in production.

    Raises DecisionError if there is none, or it is no approval, and SignatureError.
    """
    return require_approved(chain_of(settings).read(keys), version)


def approval_of(version: Version, settings: Settings, is_current: bool = True) -> Signed:
    """The statement by which a version may be in production, or with `is_current` False might once have been.

    Statements from before the one that the version's tags name are read only where several people had to approve.
    Raises DecisionError and SignatureError, for what is absent as well as for what differs.
    """
    text = version.tags.get(HEAD_TAG)
    if not text:
        raise DecisionError(
            f"Version {version.version} of {settings.model.name} names no signed statement in the registry. Have it "
            f"reviewed, and answer the review in Airflow; if that was done, clear the stage that records the answer."
        )
    keys, head, chain = TrustedKeys.read(settings.keys), Head.parse(text), chain_of(settings)
    statements = chain.since(head, keys)
    if _approvals(newest(statements, version.version).statement) > 1:
        statements = chain.read(keys, head)
    signed = require_approved(statements, version.version)
    if is_current:
        _require_no_rollback_since(statements, signed)
    return signed


def model_digest_of(signed: Signed) -> str:
    """The digest of the model's files that were decided on, as `model_digest` gives it of a folder."""
    stated = {Path(file.name): file.digest.sha256 for file in signed.statement.subject}
    root = min((name.parent for name in stated if name.name == "MLmodel"), key=lambda path: len(path.parts))
    return files.digest_of({name.relative_to(root).as_posix(): digest for name, digest in stated.items()})


def require_digest(signed: Signed, digest: str) -> None:
    """Raise DecisionError unless a model's files, which have this digest, are those that were decided on."""
    decided, stated = signed.statement.decided, model_digest_of(signed)
    if digest != stated:
        raise DecisionError(
            f"The files of version {decided.version} of {decided.model} are not those that {decided.person} decided on "
            f"(sha256 {digest[:12]}, decided on {stated[:12]}). Roll back to another version, or restore them from a "
            "backup."
        )


def decision_of(signed: Signed, settings: Settings) -> Decision:
    """What a statement says, as tags and decision.json keep it for people."""
    decided = signed.statement.decided
    digests = {
        MODEL: model_digest_of(signed),
        settings.project_file.name: decided.project.sha256 if decided.project else "",
    }
    digests |= {file.name: file.digest.sha256 for file in decided.evidence}
    digests |= {Path(file.name).name: file.digest.sha256 for file in decided.reports}
    return Decision(
        decision=decided.decision,
        version=decided.version,
        ds=decided.ds,
        reviewer=decided.person,
        reason=decided.reason,
        decided_at=decided.answered_at,
        dag_run=decided.task.run,
        digests=digests,
        champion=decided.champion,
        statement=str(signed.head),
    )


def require_approved(statements: Sequence[Signed], version: str) -> Signed:
    """The newest of these statements about a version, by which it may be in production. Raises DecisionError."""
    signed = newest(statements, version)
    decided = signed.statement.decided
    if decided.decision not in (APPROVE, ROLLBACK):
        raise DecisionError(
            f"Version {version} was not approved: {decided.decision} ({decided.person}). Have it reviewed again, or "
            "choose another version."
        )
    people, needed = approvers(statements, version), _approvals(signed.statement)
    if len(people) < needed:
        raise DecisionError(
            f"Version {version} has {len(people)} of the {needed} approvals that the policy asks for "
            f"({', '.join(people)}). Have another person answer its review."
        )
    return signed


def _require_no_rollback_since(statements: Sequence[Signed], approval: Signed) -> None:
    """A version that was rolled back does not return on its old approval."""
    version = approval.statement.decided.version
    for later in statements[statements.index(approval) + 1 :]:
        decided = later.statement.decided
        if decided.decision == ROLLBACK and decided.version != version:
            raise DecisionError(
                f"Production was rolled back to version {decided.version} by {decided.person} after version {version} "
                "was approved. Have it reviewed again."
            )


def _approvals(statement: Statement) -> int:
    needed = statement.decided.policy.get("approvals", 1)
    return needed if isinstance(needed, int) else 1
