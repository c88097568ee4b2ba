"""Keys: the private one that signs statements, and the public ones that the project trusts, each with its validity."""

import base64
import ctypes
import hashlib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Self

from galley.errors import SettingsError, SignatureError
from galley.proof.decision import stamp
from galley.storage import files

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FOLDER = "keys"
"""The folder of a project in which its public keys are."""

_LIMIT = 10_000
_TIMES = ("not_before", "not_after", "revoked")
_PR_SET_DUMPABLE = 4


def undumpable() -> None:
    """Keep other processes of this user from reading this one's memory and environment; root still can."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@dataclass(frozen=True)
class SigningKey:
    """A private key. `id` is that of its public half."""

    id: str
    public: bytes
    _key: "Ed25519PrivateKey" = field(repr=False)

    @classmethod
    def generate(cls) -> Self:
        """A new key."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return cls._of(Ed25519PrivateKey.generate())

    @classmethod
    def read(cls, text: str) -> Self:
        """The key of a PEM text, or of its base64 alone in one line. Raises SettingsError; it never shows the text."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import load_der_private_key

        bare = re.sub(r"-----[A-Z ]+-----|\\n|\s", "", text)
        try:
            key = load_der_private_key(base64.b64decode(bare, validate=True), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):  # binascii.Error is a ValueError
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise SettingsError(
                "The signing key is not an Ed25519 private key in PEM or base64. Make one with: galley keys generate"
            )
        return cls._of(key)

    @classmethod
    def _of(cls, key: "Ed25519PrivateKey") -> Self:
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return cls(key_id(public), public, key)

    def to_text(self) -> str:
        """The private key in one line, as `read` takes it."""
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        return base64.b64encode(self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())).decode()

    def sign(self, content: bytes) -> bytes:
        """The signature of some bytes."""
        return self._key.sign(content)


def key_id(public: bytes) -> str:
    """The name of a key: the SHA-256 of its public half, a DER SubjectPublicKeyInfo."""
    return hashlib.sha256(public).hexdigest()


@dataclass(frozen=True)
class PublicKey:
    """A key that is trusted for what was made from `not_before` on, before `not_after`, and before it was revoked."""

    name: str
    public: bytes = field(repr=False)
    not_before: str
    not_after: str = ""
    revoked: str = ""

    @property
    def id(self) -> str:
        """The SHA-256 of its public half."""
        return key_id(self.public)

    def __str__(self) -> str:
        return f"{self.name} ({self.id[:16]})"

    @classmethod
    def parse(cls, name: str, content: bytes) -> Self:
        """The key of a file in keys/. Raises SettingsError."""
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        try:
            said = tomllib.loads(content.decode())
            unknown = sorted(set(said) - {"public", *_TIMES})
            if unknown:
                raise ValueError(f"{unknown[0]} is an unknown key")
            public = base64.b64decode(said["public"], validate=True)
            if not isinstance(load_der_public_key(public), Ed25519PublicKey):
                raise ValueError("the key is not an Ed25519 key")
            times = {time: _time(time, said[time]) for time in _TIMES if time in said}
            return cls(name=name, public=public, **{"not_before": _required(times), **times})
        except KeyError as error:
            fault = f"{error.args[0]} is missing"
        except (ValueError, TypeError, RecursionError, UnsupportedAlgorithm) as error:
            fault = str(error)
        raise SettingsError(
            f"The public key {name} is not valid: {fault}. Restore the file in {FOLDER}/, or remove it."
        )

    def to_bytes(self) -> bytes:
        """The content of its file in keys/."""
        times = {"not_before": self.not_before, "not_after": self.not_after, "revoked": self.revoked}
        lines = [f'public = "{base64.b64encode(self.public).decode()}"']
        lines += [f"{name} = {time}" for name, time in times.items() if time]
        return "\n".join([f"# {self.id}", *lines, ""]).encode()

    def verify(self, signature: bytes, content: bytes) -> None:
        """Raise SignatureError if the signature is not this key's for these bytes."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_der_public_key

        key = load_der_public_key(self.public)
        assert isinstance(key, Ed25519PublicKey)  # noqa: S101 - as `parse` has found
        try:
            key.verify(signature, content)
        except InvalidSignature:
            raise SignatureError(
                f"The signature is not that of the key {self} for this content: one of them was changed. "
                "Restore the statement from a backup."
            ) from None

    def require_valid_at(self, time: str) -> None:
        """Raise SignatureError if what was made then is not to be trusted."""
        faults = {
            f"was valid from {self.not_before} on": time < self.not_before,
            f"was valid until {self.not_after}": bool(self.not_after) and time >= self.not_after,
            f"was revoked at {self.revoked}": bool(self.revoked) and time >= self.revoked,
        }
        for fault, is_so in faults.items():
            if is_so:
                raise SignatureError(
                    f"The key {self} {fault}, and this statement is of {time}. Have the version decided on again; "
                    "its answer is signed with a key that is valid now."
                )


def _time(name: str, value: object) -> str:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError(f"{name} is not a time with a zone, as in 2026-11-23T10:00:00Z")
    return stamp(value)


def _required(times: Mapping[str, str]) -> str:
    if "not_before" not in times:
        raise ValueError("not_before is missing")
    return times["not_before"]


class TrustedKeys:
    """The public keys that a project trusts, by their ids."""

    def __init__(self, keys: Iterable[PublicKey]) -> None:
        self._keys = {key.id: key for key in sorted(keys, key=lambda key: key.name)}

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The keys of a folder: its files *.toml; none if it is not there.

        Raises SettingsError for a file that is not valid. A key in two files is refused: which
        validity counts would depend on their names.
        """
        found = [_read(folder / name) for name in sorted(files.listed(folder)) if name.endswith(".toml")]
        keys = cls(found)
        if len(keys.all) != len(found):
            raise SettingsError(f"Two files in {folder} have the same public key. Remove one of them.")
        return keys

    @property
    def all(self) -> tuple[PublicKey, ...]:
        """The keys, by name."""
        return tuple(self._keys.values())

    def get(self, identity: str) -> PublicKey:
        """The key of an id. Raises SignatureError."""
        if identity not in self._keys:
            known = ", ".join(map(str, self.all)) or "none"
            raise SignatureError(
                f"It is signed with the key {identity[:16]!r}, which this project does not trust (trusted: {known}). "
                f"If it should, add its public key to {FOLDER}/."
            )
        return self._keys[identity]

    def require(self, key: SigningKey, now: str = "") -> None:
        """Raise SignatureError if statements that this key signs now would not be trusted."""
        self.get(key.id).require_valid_at(now or stamp(datetime.now(UTC)))


def trust(key: SigningKey, folder: Path, name: str) -> PublicKey:
    """Write the public half of a key to a folder, trusted from now on, unless it is there; returns what is there.

    The file has that name, or with a number if another key has it: what that one signed stays trusted.
    """
    known = TrustedKeys.read(folder)
    if key.id in [each.id for each in known.all]:
        return known.get(key.id)
    taken = {each.name for each in known.all}
    names = (name if number == 1 else f"{name}-{number}" for number in count(1))
    public = PublicKey(next(each for each in names if each not in taken), key.public, stamp(datetime.now(UTC)))
    files.write_bytes(folder / f"{public.name}.toml", public.to_bytes())
    return public


def _read(path: Path) -> PublicKey:
    try:
        return PublicKey.parse(path.stem, files.read_regular(path, _LIMIT))
    except (OSError, ValueError) as error:
        raise SettingsError(f"The public key {path} cannot be read: {error}. Restore it, or remove it.") from None
