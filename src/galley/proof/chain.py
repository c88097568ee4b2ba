"""Chain: the statements about a model in their order, each naming the one before it; none is ever written over.

    outputs/decisions/<model>/000001.json 000002.json ...

A number is given once: the file is created only if it is not there, on a disk and in a bucket, so of two writers one
takes the next number. A statement that is changed or removed breaks the chain where it was. Statements that are removed
from its end leave a shorter chain that is whole: only a `Head` that is kept elsewhere shows that, so whoever appends
keeps it, in MLflow's tags, and whoever reads gives it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from galley.errors import SignatureError
from galley.proof.decision import FOLDER, stamp
from galley.proof.envelope import LARGEST, Envelope
from galley.proof.keys import SigningKey, TrustedKeys
from galley.proof.statements import Decided, Digest, File, Link, Predicate, Statement
from galley.storage import files

HEAD_TAG = "galley.statement"
"""Tag of a registered version that keeps the head of the chain after its decision."""

_NAME = re.compile(r"\d{6}\.json", re.ASCII)
_HEAD = re.compile(r"([1-9]\d{0,5}):([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True)
class Head:
    """The position and the digest of the newest statement; as a text, it fits in a tag."""

    sequence: int
    sha256: str

    def __str__(self) -> str:
        return f"{self.sequence}:{self.sha256}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The head of a text. Raises SignatureError."""
        match = _HEAD.fullmatch(text)
        if match is None:
            raise SignatureError(
                f"{text[:100]!r} does not name a statement, as in 3:<sha256>. Restore the tag {HEAD_TAG} from a backup."
            )
        return cls(int(match[1]), match[2])


@dataclass(frozen=True)
class Signed:
    """A statement of the chain whose signature, position and predecessor have been checked."""

    statement: Statement
    content: bytes
    key_id: str

    @property
    def head(self) -> Head:
        """Where it is in the chain."""
        return Head(self.statement.link.sequence, Digest.of(self.content).sha256)

    @property
    def name(self) -> str:
        """The name of its file."""
        return file_name(self.statement.link.sequence)

    def states(self, subject: Sequence[File], decided: Decided) -> bool:
        """Whether this is the statement of that decision."""
        return self.statement.subject == tuple(subject) and self.statement.decided == decided


def file_name(sequence: int) -> str:
    """The name of the file of a statement."""
    return f"{sequence:06}.json"


@dataclass(frozen=True)
class Chain:
    """The statements about a model, in a folder of their own."""

    folder: Path
    model: str

    @classmethod
    def of(cls, outputs: Path, model: str) -> Self:
        """The chain of a model below outputs."""
        return cls(outputs / FOLDER / files.safe_name(model), model)

    @property
    def name(self) -> str:
        """Its folder as findings name it, the same on every machine."""
        return f"outputs/{FOLDER}/{self.folder.name}"

    def read(self, keys: TrustedKeys, known: Head | None = None) -> tuple[Signed, ...]:
        """All statements, checked. `known` is a head that was kept elsewhere: a chain that lacks it is refused.

        Raises SignatureError, which names the first statement that is not what was signed.
        """
        return checked(self.model, self._contents(), keys, known)

    def since(self, known: Head, keys: TrustedKeys) -> tuple[Signed, ...]:
        """The statement of a head that was kept elsewhere, and those after it, checked: years of others are not read.

        Raises SignatureError.
        """
        return checked(self.model, self._contents(known.sequence), keys, known, known.sequence)

    def append(
        self,
        subject: Sequence[File],
        decided: Decided,
        key: SigningKey,
        keys: TrustedKeys,
        known: Head | None = None,
    ) -> Signed:
        """State a decision about a model's files as the newest of the chain, and sign it; once, if it is stated again.

        Raises SignatureError if the key is not trusted now, and if the chain is not what was signed: nothing that is
        appended to such a chain would count.
        """
        keys.require(key)
        while True:
            chain = self.read(keys, known)
            there = [each for each in chain if each.states(subject, decided)]
            if there:
                return there[0]
            signed = _next(chain, subject, decided, key)
            _checked(self.model, signed.name, signed.content, keys, chain[-1] if chain else None)
            if files.create(self.folder / signed.name, signed.content):
                return signed

    def _contents(self, first: int = 1) -> Iterator[tuple[str, bytes]]:
        names = (name for name in files.listed(self.folder) if _NAME.fullmatch(name))
        for name in sorted(name for name in names if name >= file_name(first)):
            try:
                yield name, files.read_regular(self.folder / name, LARGEST)
            except (OSError, ValueError) as error:
                raise SignatureError(
                    f"Statement {name} of {self.model} cannot be read: {error}. Restore the file from a backup."
                ) from None


def _next(chain: Sequence[Signed], subject: Sequence[File], decided: Decided, key: SigningKey) -> Signed:
    last = chain[-1] if chain else None
    now = stamp(datetime.now(UTC))
    link = Link(
        sequence=last.head.sequence + 1 if last else 1,
        previous=Digest(sha256=last.head.sha256) if last else None,
        made_at=max(now, last.statement.link.made_at) if last else now,  # the clock may have been set back
    )
    statement = Statement(subject=tuple(subject), predicate=Predicate(decided=decided, link=link))
    return Signed(statement, Envelope.seal(statement, key).to_bytes(), key.id)


def checked(
    model: str,
    contents: Iterable[tuple[str, bytes]],
    keys: TrustedKeys,
    known: Head | None = None,
    first: int = 1,
) -> tuple[Signed, ...]:
    """The statements of these files, a model's chain from `first` to its end, in their order. Raises SignatureError."""
    chain: list[Signed] = []
    for name, content in contents:
        chain.append(_checked(model, name, content, keys, chain[-1] if chain else None, first))
    if known is not None and known not in [signed.head for signed in chain]:
        raise SignatureError(
            f"The statements about {model} end at {first + len(chain) - 1} or are others: statement {known.sequence}, "
            f"whose digest is {known.sha256[:16]} and which was kept elsewhere, is not among them. Restore "
            f"outputs/{FOLDER} from a backup."
        )
    return tuple(chain)


def _checked(model: str, name: str, content: bytes, keys: TrustedKeys, before: Signed | None, first: int = 1) -> Signed:
    position = before.head.sequence + 1 if before else first
    if name != file_name(position):
        raise SignatureError(
            f"Statement {file_name(position)} of {model} is missing: {name} follows instead. Restore it from a backup."
        )
    try:
        envelope = Envelope.parse(content)
        signed = Signed(envelope.open(keys), content, envelope.key_id)
    except SignatureError as error:
        raise SignatureError(f"Statement {name} of {model}: {error}") from None
    fault = _misplaced(model, signed.statement, position, before)
    if fault:
        raise SignatureError(f"Statement {name} {fault}. Restore the statements of {model} from a backup.")
    return signed


def _misplaced(model: str, statement: Statement, position: int, before: Signed | None) -> str:
    link = statement.link
    if statement.decided.model != model:
        return f"is about the model {statement.decided.model!r}, and not about {model!r}"
    if link.sequence != position:
        return f"was made as number {link.sequence}"
    if before and (link.previous is None or link.previous.sha256 != before.head.sha256):
        return "was made after another statement than the one before it"
    if before and link.made_at < before.statement.link.made_at:
        return "was made at an earlier time than the one before it"
    return ""
