"""Export: one file with all that an outsider needs to check a decision, and the check that needs no more than the file.

    manifest.json                the model, the version, and the digest of every other file
    statements/000001.json ...   the whole chain of the model, as it is signed
    files/outputs/<ds>/...       the notebooks and pages that the version's newest statement names
    keys/<name>.toml             the project's public keys
    card.md                      the model card, if one is given; nobody signs it

The file is a zip archive in which nothing is compressed and everything has one place, order and date: what is read is
packed again and has to give the same bytes. So nothing can expand, and no byte can differ unnoticed. Nothing is
unpacked to the disk.
"""

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from galley.errors import DecisionError, GalleyError, MissingInput, SignatureError
from galley.proof.chain import Chain, Signed, checked
from galley.proof.check import Finding, Kind, Locate, newest
from galley.proof.keys import PublicKey, TrustedKeys
from galley.proof.statements import Digest, File, canonical_json
from galley.storage import files

LARGEST = 500_000_000
"""Bytes that an export may have."""

_MANIFEST = "manifest.json"
_STATEMENTS, _FILES, _KEYS = "statements/", "files/", "keys/"
_CARD = "card.md"
_DATE = (1980, 1, 1, 0, 0, 0)
# What zipfile and the checks raise for a file that is not an export: zipfile says NotImplementedError of a version or a
# compression that it does not read, and RuntimeError of an encrypted one.
_BROKEN = (zipfile.BadZipFile, ValueError, RuntimeError, NotImplementedError, EOFError, OSError, KeyError)


class _Manifest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = 1
    model: str
    version: str
    files: dict[str, str]


@dataclass(frozen=True)
class Result:
    """What a check of an export found. `newest` and `statements` are there if the chain is whole and signed."""

    findings: Sequence[Finding]
    statements: Sequence[Signed] = ()
    newest: Signed | None = None
    signers: Sequence[PublicKey] = ()

    @property
    def faults(self) -> int:
        """How many findings are faults."""
        return sum(finding.is_fault for finding in self.findings)

    def to_json(self) -> dict[str, Any]:
        """All of it, as `galley verify --json` prints it."""
        decided = self.newest.statement.decided if self.newest else None
        return {
            "decision": decided.model_dump(mode="json", by_alias=True) if decided else None,
            "statements": len(self.statements),
            "head": str(self.statements[-1].head) if self.statements else None,
            "signed_by": [{"id": key.id, "name": key.name} for key in self.signers],
            "findings": [asdict(finding) for finding in self.findings],
        }


def export(chain: Chain, version: str, keys: TrustedKeys, locate: Locate, card: bytes | None = None) -> bytes:
    """The content of the file for a version. Raises DecisionError if it was not decided on, or the chain is broken.

    Reports are packed as they are now; where they changed since, checking the file says so.
    """
    statements = chain.read(keys)
    reports = newest(statements, version).statement.decided.reports
    content = {f"{_STATEMENTS}{signed.name}": signed.content for signed in statements}
    content |= {f"{_KEYS}{key.name}.toml": key.to_bytes() for key in keys.all}
    content |= {f"{_FILES}{report.name}": found for report in reports if (found := _read(locate(report.name)))}
    content |= {} if card is None else {_CARD: card}
    manifest = _Manifest(model=chain.model, version=version, files=_digests(content))
    packed = _packed({_MANIFEST: canonical_json(manifest.model_dump()), **content})
    if len(packed) > LARGEST:
        raise DecisionError(
            f"The export of version {version} would have {len(packed):,} bytes, and {LARGEST:,} are the limit. "
            "Let its stages print less."
        )
    return packed


def verify_file(path: Path, trusted: TrustedKeys | None = None) -> Result:
    """Check an export with nothing else than the file and, if given, the keys to trust instead of those in the file.

    Raises MissingInput if there is no such file. All else that can be wrong with it is found and not raised.
    """
    try:
        with files.open_regular(path) as stream:
            packed = stream.read(LARGEST + 1)
    except (OSError, ValueError) as error:
        raise MissingInput(f"{path} cannot be read: {error}. Name a file that galley export wrote.") from None
    try:
        content = _unpacked(packed)
        manifest = _Manifest.model_validate_json(content.pop(_MANIFEST))
        keys = trusted or _keys(content)
    except (*_BROKEN, GalleyError) as error:
        said = "its manifest is not valid" if isinstance(error, ValidationError) else str(error)
        return Result([Finding(Kind.CHANGED, path.name, f"is not as galley export wrote it: {said}")])
    return _result(manifest, content, keys)


def _result(manifest: _Manifest, content: Mapping[str, bytes], keys: TrustedKeys) -> Result:
    findings = list(_changed(manifest, content))
    names = sorted(name for name in content if name.startswith(_STATEMENTS))
    try:
        statements = checked(manifest.model, [(name.removeprefix(_STATEMENTS), content[name]) for name in names], keys)
        last = newest(statements, manifest.version)
    except SignatureError as error:
        return Result([*findings, Finding(Kind.UNSIGNED, manifest.model, f"- {error}")])
    except DecisionError as error:
        return Result([*findings, Finding(Kind.CHANGED, manifest.model, f"- {error}")])
    findings += _reports_changed(last.statement.decided.reports, content)
    signers = [keys.get(identity) for identity in dict.fromkeys(signed.key_id for signed in statements)]
    return Result(findings, statements, last, signers)


def _changed(manifest: _Manifest, content: Mapping[str, bytes]) -> Iterator[Finding]:
    now = _digests(content)
    for name in sorted(now.keys() | manifest.files.keys()):
        if now.get(name) != manifest.files.get(name):
            yield Finding(Kind.CHANGED, name, "is not what the manifest says")


def _reports_changed(reports: Sequence[File], content: Mapping[str, bytes]) -> Iterator[Finding]:
    for report in reports:
        found = content.get(f"{_FILES}{report.name}")
        if found is None:
            yield Finding(Kind.CHANGED, report.name, "is not there")
        elif Digest.of(found) != report.digest:
            yield Finding(Kind.CHANGED, report.name, "has other content than the one that was decided on")


def _digests(content: Mapping[str, bytes]) -> dict[str, str]:
    return {name: Digest.of(each).sha256 for name, each in content.items()}


def _read(path: Path) -> bytes | None:
    try:
        with files.open_regular(files.local(path)) as stream:
            return stream.read(LARGEST)
    except (OSError, ValueError):
        return None


def _keys(content: Mapping[str, bytes]) -> TrustedKeys:
    names = [name for name in content if name.startswith(_KEYS)]
    return TrustedKeys(PublicKey.parse(name.removeprefix(_KEYS).removesuffix(".toml"), content[name]) for name in names)


def _packed(content: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(content):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            archive.writestr(entry, content[name])
    return buffer.getvalue()


def _unpacked(packed: bytes) -> dict[str, bytes]:
    """The files of an export by their names. Raises one of _BROKEN for what `_packed` would not write."""
    if len(packed) > LARGEST:
        raise ValueError(f"it has more than {LARGEST:,} bytes")
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        entries = archive.infolist()
        is_stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
        # Entries may overlap in a forged archive, and then sum up to more than it has.
        if not is_stored or sum(entry.file_size for entry in entries) > len(packed):
            raise ValueError("its files are compressed, or are not in it")
        content = {entry.filename: archive.read(entry) for entry in entries}
    if _packed(content) != packed:
        raise ValueError("it is not packed in the one form that exports have")
    return content
