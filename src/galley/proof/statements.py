"""Statements: who decided what about a version, when, why and on which files, as an in-toto Statement.

A statement has one form only: what `parse` accepts is byte for byte what `canonical` writes.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from galley import days
from galley.errors import DecisionError, SignatureError
from galley.proof.decision import APPROVE, NO_ANSWER, NOBODY, REFUSED_ROLLBACK, REJECT, ROLLBACK
from galley.storage import files

TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:airflow-galley:decision:v1"
LIMIT = 1_000_000
"""Bytes that a statement may have."""

_STAMP = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"
_DECISIONS = (APPROVE, REJECT, NO_ANSWER, ROLLBACK, REFUSED_ROLLBACK)


def _exists(stamp: str) -> str:
    datetime.fromisoformat(stamp)
    return stamp


def _is_decision(text: str) -> str:
    if text not in _DECISIONS:
        raise ValueError(f"it must be one of {', '.join(_DECISIONS)}")
    return text


def _leads_inside(name: str) -> str:
    if any(part in ("", ".", "..") for part in name.split("/")) or not name.isprintable() or "\\" in name:
        raise ValueError(f"{name!r} is not a path below data, outputs or notebooks")
    return name


Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Stamp = Annotated[str, Field(pattern=_STAMP), AfterValidator(_exists)]
Short = Annotated[str, Field(max_length=512)]
Inside = Annotated[str, Field(max_length=1024), AfterValidator(_leads_inside)]


class _Stated(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class Digest(_Stated):
    """A digest as in-toto writes it."""

    sha256: Sha256

    @classmethod
    def of(cls, content: bytes) -> Self:
        """The digest of some bytes."""
        return cls(sha256=hashlib.sha256(content).hexdigest())


class Size(_Stated):
    """How long a file is. Whoever checks it never reads more."""

    bytes: Annotated[int, Field(ge=0)]


class File(_Stated):
    """A file by its name from data, outputs or notebooks on; an in-toto ResourceDescriptor."""

    name: Inside
    digest: Digest
    annotations: Size

    @classmethod
    def of(cls, name: str, path: Path) -> Self:
        """The file as it is now. Raises OSError."""
        return cls(name=name, digest=Digest(sha256=files.digest(path)), annotations=Size(bytes=files.size(path)))


class Task(_Stated):
    """The task that heard the decision; `triggered_by` is who started its run, blank for the schedule."""

    dag: Short
    run: Short
    task: Short
    number: Annotated[int, Field(ge=0)] = Field(alias="try")
    triggered_by: Short = ""


class Override(_Stated):
    """A required check that failed, and why the decision stands all the same."""

    check: Short
    reason: Annotated[str, Field(min_length=1, max_length=100_000)]


class Decided(_Stated):
    """What was decided.

    `champion` is the version that this one was compared with, blank if there was none, None if the review did not say.
    `form` is the digest of the text that the person saw, `project` that of galley.toml. `reports` are the notebooks and
    pages of the stages, `evidence` other files that the decision rests on, `sources` the notebooks that were run: these
    may change later.
    """

    model: Annotated[str, Field(min_length=1, max_length=512)]
    version: Annotated[str, Field(pattern=r"^[1-9]\d{0,17}$")]
    ds: Annotated[str, Field(pattern=f"^{days.PATTERN}$")]
    decision: Annotated[str, AfterValidator(_is_decision)]
    person: Short
    reason: Annotated[str, Field(max_length=100_000)]
    asked_at: Stamp
    answered_at: Stamp
    task: Task
    form: Digest
    reports: tuple[File, ...]
    evidence: tuple[File, ...] = ()
    sources: tuple[File, ...] = ()
    champion: Annotated[str, Field(pattern=r"^([1-9]\d{0,17})?$")] | None = None
    assignees: tuple[Short, ...] = ()
    policy: dict[str, JsonValue]
    policy_digest: Digest
    project: Digest | None = None
    overrides: tuple[Override, ...] = ()

    @classmethod
    def of(cls, **values: Any) -> Self:
        """A decision; the digest of its policy is computed. Raises DecisionError for what cannot be one."""
        try:
            return cls(**values, policy_digest=Digest.of(canonical_json(values.get("policy"))))
        except (ValidationError, ValueError) as error:
            raise DecisionError(
                f"This decision cannot be stated: {_faults(error)}. Correct what the task was configured with."
            ) from None

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if self.policy_digest != Digest.of(canonical_json(self.policy)):
            raise ValueError("the policy is not the one of its digest")
        names = [file.name for file in (*self.reports, *self.evidence)]
        if len(names) != len(set(names)):
            raise ValueError("a file is named twice")
        if self.decision in (APPROVE, ROLLBACK) and not (
            self.person.strip() not in ("", NOBODY) and self.reason.strip() and self.reports
        ):
            raise ValueError("an approval needs a person, a reason and the reports that were read")
        return self


class Link(_Stated):
    """The statement's position among those of its model: `previous` is the digest of the envelope before it."""

    sequence: Annotated[int, Field(ge=1, le=999_999)]
    previous: Digest | None
    made_at: Stamp

    @model_validator(mode="after")
    def _first_has_none_before(self) -> Self:
        if (self.sequence == 1) != (self.previous is None):
            raise ValueError("the first statement has none before it, and every other one has")
        return self


class Predicate(_Stated):
    """What is stated about the subject."""

    decided: Decided
    link: Link


class Statement(_Stated):
    """A decision about the files of a model, which are the subject."""

    type: Literal["https://in-toto.io/Statement/v1"] = Field(default=TYPE, alias="_type")
    subject: Annotated[tuple[File, ...], Field(min_length=1)]
    predicate_type: Literal["urn:airflow-galley:decision:v1"] = Field(
        default=PREDICATE_TYPE,
        alias="predicateType",
    )
    predicate: Predicate

    @property
    def decided(self) -> Decided:
        """What was decided."""
        return self.predicate.decided

    @property
    def link(self) -> Link:
        """Its position in the chain."""
        return self.predicate.link

    @property
    def files(self) -> tuple[File, ...]:
        """All files that must still be what they were: the model's, the reports and the evidence."""
        return (*self.subject, *self.decided.reports, *self.decided.evidence)

    def canonical(self) -> bytes:
        """Its bytes. Raises DecisionError if they are more than LIMIT."""
        content = canonical_json(self.model_dump(mode="json", by_alias=True))
        if len(content) > LIMIT:
            raise DecisionError(
                f"The statement has {len(content):,} bytes, and {LIMIT:,} are the limit. Name fewer files as evidence."
            )
        return content

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """The statement that these bytes are. Raises SignatureError for all that `canonical` would not write."""
        try:
            if len(content) > LIMIT:
                raise ValueError(f"it has more than {LIMIT:,} bytes")
            statement = cls.model_validate_json(content)
            if statement.canonical() != content:
                raise ValueError("it is not written in the one form that statements have")
        except (ValidationError, ValueError, DecisionError) as error:
            raise SignatureError(
                f"This is not a statement of a decision: {_faults(error)}. Restore the file from a backup."
            ) from None
        return statement


def canonical_json(value: object) -> bytes:
    """The one form of a value in JSON: sorted keys, no blanks, UTF-8. Raises ValueError for NaN and what is no JSON."""
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, RecursionError) as error:
        raise ValueError(f"it cannot be written as JSON ({error})") from None
    return text.encode()


def _faults(error: Exception) -> str:
    """What is wrong, in one line, without the given value: it may be long, and may be anything."""
    if not isinstance(error, ValidationError):
        return str(error)
    said = [f"{'.'.join(map(str, fault['loc'])) or 'it'}: {fault['msg']}" for fault in error.errors()[:3]]
    return "; ".join(said)


def digests(stated: tuple[File, ...]) -> Mapping[str, str]:
    """The SHA-256 of files by their names."""
    return {file.name: file.digest.sha256 for file in stated}
