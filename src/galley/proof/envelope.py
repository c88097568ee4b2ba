"""Envelope: a statement and its signature in one file, as DSSE writes it: Ed25519 over type and content."""

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Self

from galley.errors import SignatureError
from galley.proof.keys import SigningKey, TrustedKeys
from galley.proof.statements import LIMIT, Statement, canonical_json

PAYLOAD_TYPE = "application/vnd.in-toto+json"
LARGEST = 2 * LIMIT
"""Bytes that an envelope may have."""


def pae(payload_type: str, payload: bytes) -> bytes:
    """What is signed: DSSE's Pre-Authentication Encoding, in which the type cannot pass for content."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


@dataclass(frozen=True)
class Envelope:
    """A payload with one signature. As a statement, it has one form in bytes only."""

    payload: bytes
    key_id: str
    signature: bytes

    @classmethod
    def seal(cls, statement: Statement, key: SigningKey) -> Self:
        """Sign a statement."""
        payload = statement.canonical()
        return cls(payload, key.id, key.sign(pae(PAYLOAD_TYPE, payload)))

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """The envelope that these bytes are. Raises SignatureError for all that `to_bytes` would not write."""
        try:
            if len(content) > LARGEST:
                raise ValueError(f"it has more than {LARGEST:,} bytes")
            said = json.loads(content)
            (signature,) = said["signatures"]
            found = cls(_decoded(said["payload"]), signature["keyid"], _decoded(signature["sig"]))
            if found.to_bytes() != content:
                raise ValueError("it is not written in the one form that envelopes have")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise SignatureError(
                f"This is not a signed statement ({type(error).__name__}: {error}). Restore the file from a backup."
            ) from None
        return found

    def to_bytes(self) -> bytes:
        """The content of its file."""
        signature = {"keyid": self.key_id, "sig": base64.b64encode(self.signature).decode()}
        payload = base64.b64encode(self.payload).decode()
        return canonical_json({"payload": payload, "payloadType": PAYLOAD_TYPE, "signatures": [signature]})

    def open(self, keys: TrustedKeys) -> Statement:
        """The statement, if a key that is trusted, and was valid when it was made, signed it. Raises SignatureError."""
        key = keys.get(self.key_id)
        key.verify(self.signature, pae(PAYLOAD_TYPE, self.payload))
        statement = Statement.parse(self.payload)
        key.require_valid_at(statement.link.made_at)
        return statement


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("a text is missing")
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("a text is not base64") from None
