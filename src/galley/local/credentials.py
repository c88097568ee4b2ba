"""Credentials: the secrets and passwords of the embedded Airflow, generated once and readable by their owner alone."""

import base64
import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PRIVATE = 0o077
"""The umask of who makes files that are its own alone."""


@dataclass(frozen=True)
class Secrets:
    """What Airflow encrypts and signs with."""

    fernet_key: str
    jwt_secret: str
    api_secret_key: str

    @classmethod
    def generate(cls) -> "Secrets":
        """New ones. The JWT secret has more than the 64 bytes that its hash wants."""
        fernet_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        return cls(fernet_key, secrets.token_urlsafe(72), secrets.token_urlsafe(32))

    @classmethod
    def of(cls, file: Path) -> "Secrets":
        """The secrets in a file; generated into it first if it is not there."""
        if not file.exists():
            write_private(file, json.dumps(vars(cls.generate()), indent=2) + "\n")
        return cls(**_read(file))

    def __repr__(self) -> str:
        return "Secrets(...)"


def passwords(file: Path, users: Sequence[str]) -> dict[str, str]:
    """The password of each user, generated if the file has none. The file is in SimpleAuthManager's format."""
    known: dict[str, str] = _read(file) if file.exists() else {}
    new = {user: secrets.token_urlsafe(12) for user in users if user not in known}
    if new:
        write_private(file, json.dumps(known | new, indent=2) + "\n")
    return known | new


def first_showing(file: Path) -> bool:
    """Whether these passwords have not been shown yet; from now on they have."""
    marker = file.with_suffix(".shown")
    is_first = not marker.exists() or marker.stat().st_mtime_ns < file.stat().st_mtime_ns
    marker.touch()
    return is_first


def make_private(folder: Path) -> None:
    """Make a folder that nobody else can enter, and the databases in it unreadable to others."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for database in folder.glob("*.db*"):
        database.chmod(0o600)


def write_private(file: Path, text: str) -> None:
    """Write a file that nobody else can read, at no moment."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    draft.rename(file)


def _read(file: Path) -> Any:
    return json.loads(file.read_text())
