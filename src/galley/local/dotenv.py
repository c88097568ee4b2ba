"""The stack's .env: settings that are this folder's own, and secrets that are generated once."""

import base64
import os
import re
import secrets
from hashlib import sha256
from pathlib import Path

from galley.errors import SettingsError
from galley.local.credentials import Secrets, write_private

NAME = "COMPOSE_PROJECT_NAME"
UID = "AIRFLOW_UID"
NOBODY = 50000
"""Who containers run as when root starts them: they are never root themselves."""
OF_THE_DATA = ("AIRFLOW_FERNET_KEY", "MLFLOW_PASSWORD", "SIGNING_KEY")
"""Secrets without which what databases hold is of no use: they go where a backup goes."""
OF_THE_VOLUMES = (*OF_THE_DATA, "POSTGRES_PASSWORD")
"""Secrets that what is in the volumes was made with, so that a new value only locks it."""
_PKCS8_ED25519 = bytes.fromhex("302e020100300506032b657004220420")
_SECRET = re.compile(r"^(\w+_(?:KEY|PASSWORD|SECRET|TOKEN))=", re.MULTILINE)
_SETTING = re.compile(r"^(\w+)=(.*)$", re.MULTILINE)
_OF_A_FOLDER = re.compile(f"{NAME}|{UID}|BIND|.*_DIR|GALLEY_.*_PORT|(AIRFLOW|MLFLOW|JUPYTER)_URL|TLS_.*")
_RELATIVE = re.compile(r"^(\w+_DIR)=\./", re.MULTILINE)


def read(file: Path) -> dict[str, str]:
    """The settings in a .env file; none if it is not there."""
    return dict(_SETTING.findall(file.read_text())) if file.exists() else {}


def settings(home: Path) -> dict[str, str]:
    """The settings of a folder's stack, by what counts last: the example, .env, the environment; empty ones do not."""
    example, own = read(home / ".env.example"), read(home / ".env")
    sources = (own, {name: os.environ.get(name, "") for name in example | own})
    return example | {name: value for source in sources for name, value in source.items() if value}


def project(home: Path) -> str:
    """The name of a folder's Compose project; one made from its path if .env is still to be written or filled in."""
    own = read(home / ".env")
    if own and NAME not in own:  # as compose does then
        return os.environ.get(NAME) or re.sub(r"[^a-z0-9_-]", "", home.resolve().name.lower()).lstrip("_-")
    return settings(home)[NAME] or project_of_its_own(home)


def project_of_its_own(home: Path) -> str:
    """The name of a Compose project that no other folder has."""
    return f"galley-{sha256(os.fsencode(home.resolve())).hexdigest()[:8]}"


def lacking(home: Path) -> list[str]:
    """The secrets of the example that .env has no value for."""
    own = read(home / ".env")
    return [name for name in _SECRET.findall((home / ".env.example").read_text()) if not own.get(name)]


def complete(home: Path) -> list[str]:
    """Write .env, for its owner alone, if there is none, and fill in what is empty; returns what was filled in."""
    file = home / ".env"
    text = file.read_text() if file.exists() else _of_this_folder((home / ".env.example").read_text(), home)
    made = {name: _secret(name) for name in lacking(home)}
    if dict(_SETTING.findall(text)).get(NAME) == "":
        made[NAME] = project_of_its_own(home)
    if made:
        write_private(file, changed(text, made))
    return list(made)


def take(home: Path, backup: Path) -> list[str]:
    """Take the secrets that a backup's data needs from its .env; returns those that were others here."""
    theirs, own = read(backup), read(home / ".env")
    taken = {name: theirs[name] for name in OF_THE_DATA if theirs.get(name) and theirs[name] != own.get(name)}
    if taken:
        write_private(home / ".env", changed((home / ".env").read_text(), taken))
    return list(taken)


def differing(home: Path, backup: Path) -> list[str]:
    """The settings that a backup's .env has otherwise, but for secrets and what is of a folder and its machine."""
    theirs, own = read(backup), read(home / ".env")
    named = {name for name in theirs | own if theirs.get(name, "") != own.get(name, "")}
    return sorted(name for name in named if not _SECRET.match(f"{name}=") and not _OF_A_FOLDER.fullmatch(name))


def changed(text: str, values: dict[str, str]) -> str:
    """The text of a .env with these values, each in its line; at the end, if it has none."""
    there = {name for name, _ in _SETTING.findall(text)}
    text = _SETTING.sub(lambda line: f"{line[1]}={values.get(line[1], line[2])}", text)
    return text.rstrip("\n") + "\n" + "".join(f"{name}={values[name]}\n" for name in values if name not in there)


def require_user(home: Path) -> None:
    """Raise SettingsError unless AIRFLOW_UID is the number of a user who is not root."""
    uid = settings(home)[UID]
    if not uid.isdecimal() or int(uid) == 0:
        raise SettingsError(
            f"{UID}={uid} in .env: containers run as this user, by number and never as root. "
            f"Set it to that of the owner of data and outputs (`id -u`), or to {NOBODY}."
        )


def _of_this_folder(example: str, home: Path) -> str:
    """The example with this user's number and absolute folders."""
    text = _RELATIVE.sub(lambda found: f"{found[1]}={home}/", example)
    return changed(text, {UID: str(os.getuid() or NOBODY)})


def _secret(name: str) -> str:
    made = Secrets.generate()
    known = {
        "AIRFLOW_FERNET_KEY": made.fernet_key,
        "AIRFLOW_JWT_SECRET": made.jwt_secret,
        "SIGNING_KEY": _signing_key(),
    }
    return known.get(name) or secrets.token_urlsafe(24)


def _signing_key() -> str:
    """A new Ed25519 key as `galley.proof.keys` reads it: PKCS #8 (RFC 8410), which is 32 random bytes behind a heading.

    This Python need not have the library that makes its public half; that is written where the stack starts.
    """
    return base64.b64encode(_PKCS8_ED25519 + secrets.token_bytes(32)).decode()
