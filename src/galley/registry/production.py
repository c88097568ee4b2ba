"""Production: whether the champion is the version that the newest signed decision put there."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

from galley.errors import DecisionError, ModelNotFound
from galley.proof.chain import Signed
from galley.proof.check import Finding, Kind, audit, newest
from galley.proof.decision import stamp
from galley.proof.keys import TrustedKeys
from galley.registry.models import CHAMPION, registry_client, resolve
from galley.registry.standing import chain_of, require_approved
from galley.registry.versions import Registered
from galley.settings import Settings, absolute_path

_CARRIED_OUT = timedelta(hours=1)
"""After an approval, until it is missed: to record it and to promote takes minutes."""


def verify_production(settings: Settings) -> list[Finding]:
    """All that is not as it was decided: the signed statements about the model, their evidence, and the champion.

    Raises RegistryUnavailable and RegistryRefused.
    """
    found = audit(chain_of(settings), TrustedKeys.read(settings.keys), partial(absolute_path, settings=settings))
    try:
        _require_decided(settings)
    except (DecisionError, ModelNotFound) as error:
        found.append(Finding(Kind.PRODUCTION, f"models:/{settings.model.name}@{CHAMPION}", f"- {error}"))
    return found


def _require_decided(settings: Settings) -> None:
    """Raise DecisionError, SignatureError or ModelNotFound unless the champion is what the newest decision names."""
    champion = Registered(registry_client(settings), settings).alias(CHAMPION)
    if champion:
        resolve(CHAMPION, settings)
    statements = chain_of(settings).read(TrustedKeys.read(settings.keys))
    version = champion.version if champion else ""
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
    long_ago = stamp(datetime.now(UTC) - _CARRIED_OUT)
    for signed in reversed(later):
        is_newer = before is None or _age(signed) > _age(before)
        if is_newer and signed.statement.link.made_at < long_ago and _is_approved(later, signed):
            return signed
    return None


def _age(signed: Signed) -> tuple[str, int]:
    """What orders versions, as `Version.age` does."""
    return signed.statement.decided.ds, int(signed.statement.decided.version)


def _is_approved(statements: Sequence[Signed], signed: Signed) -> bool:
    with suppress(DecisionError):
        return require_approved(statements, signed.statement.decided.version) is signed
    return False
