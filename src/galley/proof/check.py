"""Check: whether the files that a statement names still are what they were, and what statements say of a version."""

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from galley.errors import DecisionError, SignatureError
from galley.proof.chain import Chain, Signed
from galley.proof.decision import APPROVE, REFUSED_ROLLBACK, ROLLBACK
from galley.proof.keys import TrustedKeys
from galley.proof.statements import File, Statement
from galley.storage import files

Locate = Callable[[str], Path]
"""Says where the file of a name is here; `galley.settings.absolute_path` does, of a project."""


class Kind(StrEnum):
    """What a check can find. That a source moved on is said, and is no fault: notebooks are there to be edited."""

    CHANGED = "evidence changed"
    MOVED_ON = "source has moved on since"
    UNSIGNED = "not signed by a key that this project trusts"
    PRODUCTION = "production is not what was decided"


@dataclass(frozen=True)
class Finding:
    """One thing that is not what was signed, and what to do about it."""

    kind: Kind
    name: str
    problem: str

    @property
    def is_fault(self) -> bool:
        """Whether a decision does not stand because of it."""
        return self.kind is not Kind.MOVED_ON

    def __str__(self) -> str:
        return f"{self.kind}: {self.name} {self.problem}".rstrip()


def changes(statement: Statement, locate: Locate) -> list[Finding]:
    """What is no longer as the statement says: faults first, then sources that moved on."""
    return _changes(statement.files, statement.decided.sources, locate)


def changes_of_days(statements: Sequence[Signed], locate: Locate, ds: str = "") -> list[Finding]:
    """What is no longer as the newest statement of each day and DAG says, or of one day.

    Only as the newest one says: a day that was trained and decided on anew has other files since. For the same reason a
    rollback to a day's former model is about files that only the registry still has.
    """
    last = {(each.statement.decided.ds, each.statement.decided.task.dag): each.statement for each in statements}
    of_days = [statement for (day, _), statement in last.items() if ds in ("", day)]
    trained = {file.name: file for each in of_days if not _is_rollback(each) for file in each.subject}
    found: list[Finding] = []
    for each in of_days:
        found += _changes([trained.get(file.name, file) for file in each.files], each.decided.sources, locate)
    return list(dict.fromkeys(found))


def _is_rollback(statement: Statement) -> bool:
    return statement.decided.decision in (ROLLBACK, REFUSED_ROLLBACK)


def _changes(stated: Iterable[File], sources: Iterable[File], locate: Locate) -> list[Finding]:
    found = [Finding(Kind.CHANGED, *fault) for fault in _faults(stated, locate)]
    return found + [Finding(Kind.MOVED_ON, *fault) for fault in _faults(sources, locate)]


def _faults(stated: Iterable[File], locate: Locate) -> list[tuple[str, str]]:
    problems = [(file.name, file_problem(file, locate(file.name))) for file in stated]
    return [(name, problem) for name, problem in problems if problem]


def file_problem(stated: File, path: Path) -> str:
    """What is wrong with a file, blank if nothing is. No more of it is read than the statement says it has."""
    try:
        with files.open_regular(files.local(path)) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size != stated.annotations.bytes:
                return f"has {size:,} bytes now instead of {stated.annotations.bytes:,}"
            is_same = hashlib.file_digest(stream, "sha256").hexdigest() == stated.digest.sha256
            return "" if is_same else "has other content now"
    except FileNotFoundError:
        return "is not there any more"
    except (OSError, ValueError) as error:
        return f"cannot be read ({error})"


def read(chain: Chain, keys: TrustedKeys) -> tuple[tuple[Signed, ...], list[Finding]]:
    """The statements of a chain; none, and what is found, if they are not what was signed."""
    try:
        return chain.read(keys), []
    except SignatureError as error:
        return (), [Finding(Kind.UNSIGNED, chain.name, f"- {error}")]


def audit(chain: Chain, keys: TrustedKeys, locate: Locate) -> list[Finding]:
    """All that is not as it was signed: in the chain, and in the files of each day's newest statement."""
    statements, found = read(chain, keys)
    return found + changes_of_days(statements, locate)


def newest(statements: Sequence[Signed], version: str) -> Signed:
    """The newest statement about a version. Raises DecisionError if there is none."""
    found = _about(statements, version)
    if not found:
        raise DecisionError(
            f"There is no signed statement about version {version}. Have it reviewed, and answer the review in Airflow."
        )
    return found[-1]


def approvers(statements: Sequence[Signed], version: str) -> tuple[str, ...]:
    """The people who approved a version as it is stated last, or its return, each once, in their order.

    An approval counts until the version is decided otherwise, and only for the same files and the same policy.
    """
    last = newest(statements, version).statement
    people: list[str] = []
    for signed in reversed(_about(statements, version)):
        said = signed.statement
        is_same = said.files == last.files and said.decided.policy_digest == last.decided.policy_digest
        is_same = is_same and said.decided.decision == last.decided.decision
        if said.decided.decision not in (APPROVE, ROLLBACK) or not is_same:
            break
        people.insert(0, said.decided.person)
    return tuple(dict.fromkeys(people))


def _about(statements: Sequence[Signed], version: str) -> list[Signed]:
    """The statements that decide about a version. That a rollback to it was refused says nothing of the version."""
    about = [signed for signed in statements if signed.statement.decided.version == version]
    return [signed for signed in about if signed.statement.decided.decision != REFUSED_ROLLBACK]
