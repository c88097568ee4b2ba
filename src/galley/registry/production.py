"""Production: whether the champion is the version that was decided on last, and MLflow's tags say what was signed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

from galley.errors import DecisionError, ModelNotFound
from galley.proof.chain import HEAD_TAG, Signed
from galley.proof.check import Finding, Kind, changes_of_days, newest, read
from galley.proof.decision import DECISION_TAG, RECORD_TAG, Version, recorded, stamp
from galley.proof.keys import TrustedKeys
from galley.registry.approval import chain_of, decision_of, require_approved
from galley.registry.models import CHAMPION, registry_client, resolve
from galley.registry.versions import Registered
from galley.settings import Settings, absolute_path

_CARRIED_OUT = timedelta(hours=1)
"""After an approval, until it is missed: to record it and to promote takes minutes."""


def verify_production(settings: Settings) -> list[Finding]:
    """All that is not as it was decided: the signed statements, their evidence, MLflow's tags, and the champion.

    Raises RegistryUnavailable and RegistryRefused.
    """
    statements, unsigned = read(chain_of(settings), TrustedKeys.read(settings.keys))
    found = unsigned + changes_of_days(statements, partial(absolute_path, settings=settings))
    champion = Registered(registry_client(settings), settings).alias(CHAMPION)
    try:
        if champion:
            resolve(CHAMPION, settings)
        if not unsigned:
            _require_carried_out(statements, champion.version if champion else "")
    except (DecisionError, ModelNotFound) as error:
        found.append(Finding(Kind.PRODUCTION, f"models:/{settings.model.name}@{CHAMPION}", f"- {error}"))
    return found if unsigned else found + verify_tags(settings, statements)


def verify_tags(settings: Settings, statements: Sequence[Signed], version: str = "") -> list[Finding]:
    """What MLflow's tags say of versions, or of one, and no signed statement does.

    Raises DecisionError if there is no such version, RegistryUnavailable and RegistryRefused.
    """
    registered = Registered(registry_client(settings), settings)
    found = []
    for one in [registered.find(version)] if version else registered.versions.values():
        about = {str(signed.head): signed for signed in statements if signed.statement.decided.version == one.version}
        name = f"models:/{settings.model.name}/{one.version}"
        found += [Finding(Kind.CHANGED, name, problem) for problem in _tag_problems(one, about, settings)]
    return found


def _tag_problems(version: Version, about: Mapping[str, Signed], settings: Settings) -> Iterator[str]:
    if not {HEAD_TAG, DECISION_TAG, RECORD_TAG} & version.tags.keys():
        if any(_is_long_ago(signed) for signed in about.values()):
            yield "has no tag of the decision that a signed statement has"
        return
    if version.tags.get(HEAD_TAG) not in about:
        yield f"has a tag {HEAD_TAG} that names no signed statement about it"
    try:
        record = recorded(version.tags)
    except (ValueError, TypeError):
        record = None
    signed = about.get(record.statement) if record else None
    if signed is None:
        yield f"has a tag {RECORD_TAG} of a decision that nobody signed"
        return
    for tag, value in decision_of(signed, settings).tags().items():
        if version.tags.get(tag) != value:
            yield f"has a tag {tag} that is not what statement {signed.head.sequence} says"


def _require_carried_out(statements: Sequence[Signed], version: str) -> None:
    """Raise DecisionError unless the champion, blank if there is none, is what the newest decision names."""
    missed = _not_carried_out(statements, version)
    if missed:
        decided = missed.statement.decided
        raise DecisionError(
            f"The champion is {f'version {version}' if version else 'no version'}, and {decided.person} approved "
            f"version {decided.version} on {decided.answered_at[:10]} (statement {missed.head.sequence}). The alias "
            f"was moved outside galley, or {decided.task.dag} of {decided.ds} ended before it moved it. Clear its "
            "stage that moves it, or have its review answered anew."
        )


def _not_carried_out(statements: Sequence[Signed], champion: str) -> Signed | None:
    """The newest approval that should have brought another version into production; None if there is none.

    An older model that is approved after a newer one does not replace it.
    """
    before = newest(statements, champion) if champion else None
    later = statements[statements.index(before) + 1 :] if before else statements
    for signed in reversed(later):
        is_newer = before is None or _age(signed) > _age(before)
        if is_newer and _is_long_ago(signed) and _is_approved(later, signed):
            return signed
    return None


def _is_long_ago(signed: Signed) -> bool:
    return signed.statement.link.made_at < stamp(datetime.now(UTC) - _CARRIED_OUT)


def _age(signed: Signed) -> tuple[str, int]:
    """What orders versions, as `Version.age` does."""
    return signed.statement.decided.ds, int(signed.statement.decided.version)


def _is_approved(statements: Sequence[Signed], signed: Signed) -> bool:
    with suppress(DecisionError):
        return require_approved(statements, signed.statement.decided.version) is signed
    return False
