"""The commands about decisions: `galley verify`, `galley export` and `galley keys`."""

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from galley.errors import FAILED, TRY_AGAIN, GalleyError, MissingInput, SettingsError, exit_code
from galley.settings import Settings, absolute_path

_NO_MLFLOW = "this environment has no MLflow. The workbench's has."
_EXIT_CODES = "Exit codes: 0 nothing was found, 1 something was, 2 the command was misspelt, 75 try again later."


def add_commands(commands: Any) -> None:
    """Add them to the parser of `galley`."""
    verify = commands.add_parser(
        "verify",
        help="check a day, a version, an exported file, or all signed statements; exit code 1 if anything changed",
        description=_EXIT_CODES,
        epilog="galley verify 2026-11-23",
    )
    verify.add_argument(
        "what",
        nargs="?",
        help="a day, YYYY-MM-DD, a version, or a file of `galley export`; without it, every statement",
    )
    verify.add_argument("--model", help="the model of a version; without it, the only one that was decided on")
    verify.add_argument("--keys", type=Path, help="the folder of public keys to trust instead of those in the file")
    verify.add_argument("--json", action="store_true", help="print what was found as JSON")
    verify.set_defaults(command=_verify)

    export = commands.add_parser(
        "export",
        help="pack a version's statements, reports and keys into one file",
        epilog="galley export 3 --to churn-3.zip",
    )
    export.add_argument("version", help="the version's number in the registry")
    export.add_argument("--model", help="its model; without it, the only one that was decided on")
    export.add_argument("--card", type=Path, help="a model card to pack with it; it is not signed")
    export.add_argument("--to", type=Path, help="the file; without it, <model>-<version>.zip here")
    export.set_defaults(command=_export)

    keys = commands.add_parser("keys", help="make a key that signs decisions, and list those that are trusted")
    actions = keys.add_subparsers(required=True, metavar="ACTION")
    generate = actions.add_parser(
        "generate",
        help="write a public key to keys/, and its private key to a file",
        epilog="galley keys generate 2026 --private key",
    )
    generate.add_argument("name", help="what to call it, as in 2026")
    generate.add_argument("--private", type=Path, help="a new file, readable by you alone; without it, it is printed")
    generate.set_defaults(command=_generate)
    trusting = actions.add_parser(
        "trust",
        help="write the public key of a private one that comes on standard input",
        epilog="galley keys trust 2026 < key",
    )
    trusting.add_argument("name", help="what to call it; a key that is trusted already keeps its name")
    trusting.set_defaults(command=_trust)
    listing = actions.add_parser(
        "list", help="the trusted keys with their ids and their validity", epilog="galley keys list"
    )
    listing.set_defaults(command=_list)
    identify = actions.add_parser(
        "id", help="the id of a private key that comes on standard input", epilog="galley keys id < key"
    )
    identify.set_defaults(command=_identify)


def _verify(asked: argparse.Namespace) -> int:
    if asked.what is None:
        return _verify_statements(asked)
    if "/" in asked.what or "." in asked.what or Path(asked.what).is_file():
        return _verify_export(asked)
    return _verify_version(asked) if asked.what.isdecimal() else _verify_day(asked)


def _verify_version(asked: argparse.Namespace) -> int:
    from galley.proof.check import approvers, changes, newest, read

    settings = Settings.from_environment()
    chain = _chain(asked, settings)
    settings = settings.for_model(chain.model)
    statements, findings = read(chain, _trusted(asked.keys or _folder(settings)))
    said: list[str] = []
    if not findings:
        signed = newest(statements, asked.what)
        decided = signed.statement.decided
        people = ", ".join(approvers(statements, asked.what)) or decided.person
        said = [f"version {asked.what} of {chain.model}: {decided.decision} by {people}, {decided.answered_at}"]
        findings = changes(signed.statement, partial(absolute_path, settings=settings))
        if find_spec("mlflow"):
            from galley.registry.production import verify_tags

            findings += verify_tags(settings, statements, asked.what)
        else:
            said.append(f"MLflow's tags were not compared: {_NO_MLFLOW}")
    faults = sum(finding.is_fault for finding in findings)
    said = [*map(str, findings), *said, f"version {asked.what}: findings: {faults}"]
    _print(asked, said, {"version": asked.what, "findings": [asdict(finding) for finding in findings]})
    return FAILED if faults else 0


def _verify_day(asked: argparse.Namespace) -> int:
    from galley.days import Day
    from galley.proof.verify import verify, without_digest

    day = Day.of(asked.what)
    findings = verify(day)
    known = {(finding.kind, finding.name) for finding in findings}
    findings += [each for each in _statements_of(day, asked.keys) if (each.kind, each.name) not in known]
    older = without_digest(day)
    faults = sum(finding.is_fault for finding in findings)
    said = [*map(str, findings), *(f"only known to name its notebook: {page}" for page in older)]
    found = {"ds": day.ds, "findings": [asdict(finding) for finding in findings], "pages_without_digest": older}
    _print(asked, [*said, f"{day}: findings: {faults}"], found)
    return FAILED if faults else 0


def _statements_of(day: Any, given: Path | None) -> list[Any]:
    """What is found by the signed statements about a day, if any model has such."""
    from galley.proof.keys import TrustedKeys
    from galley.proof.verify import verify_statements

    chains = _chains(day.settings)
    if not chains:
        return []
    return verify_statements(day, chains, _trusted(given) if given else TrustedKeys.read(_folder(day.settings)))


def _verify_statements(asked: argparse.Namespace) -> int:
    from galley.proof.check import audit

    settings = Settings.from_environment()
    keys = _trusted(asked.keys or _folder(settings))
    chains = _chains(settings)
    findings = [
        finding for chain in chains for finding in audit(chain, keys, partial(absolute_path, settings=settings))
    ]
    missed, code = [], 0
    for chain in chains:
        try:
            findings += _tags(chain, keys, settings)
        except GalleyError as why:
            missed.append(f"The tags of {chain.model} in MLflow were not compared: {why}")
            code = TRY_AGAIN if exit_code(why) == TRY_AGAIN else code
    faults = sum(finding.is_fault for finding in findings)
    said = [*map(str, findings), *missed, f"models: {len(chains)}, findings: {faults}"]
    models = [chain.model for chain in chains]
    found = {"models": models, "findings": [asdict(finding) for finding in findings], "not_compared": missed}
    _print(asked, said, found)
    return FAILED if faults else code


def _tags(chain: Any, keys: Any, settings: Settings) -> list[Any]:
    """What MLflow's tags say of a model's versions, and no statement does.

    Raises SettingsError where there is no MLflow to ask, RegistryUnavailable and RegistryRefused.
    """
    from galley.proof.check import read

    if not find_spec("mlflow"):
        raise SettingsError(_NO_MLFLOW)
    database = Path(settings.tracking_uri.removeprefix("sqlite:///"))
    if settings.tracking_uri.startswith("sqlite:///") and not database.is_file():
        raise SettingsError(f"{database} is not there.")
    from galley.registry.production import verify_tags

    statements, unsigned = read(chain, keys)
    return [] if unsigned else verify_tags(settings.for_model(chain.model), statements)


def _verify_export(asked: argparse.Namespace) -> int:
    from galley.proof.export import verify_file

    result = verify_file(Path(asked.what), _trusted(asked.keys) if asked.keys else None)
    said = [str(finding) for finding in result.findings]
    if result.newest:
        decided = result.newest.statement.decided
        said.append(
            f"version {decided.version} of {decided.model}: {decided.decision} by {decided.person}, "
            f"{decided.answered_at}: {decided.reason}"
        )
        said += [f"signed by the key {key.name}, {key.id}" for key in result.signers]
        said += (
            [] if asked.keys else ["Those keys are the file's own: compare their ids, or give the folder with --keys."]
        )
    _print(asked, [*said, f"{asked.what}: findings: {result.faults}"], result.to_json())
    return FAILED if result.faults else 0


def _export(asked: argparse.Namespace) -> int:
    from galley.proof.export import export, verify_file
    from galley.storage import files

    settings = Settings.from_environment()
    chain = _chain(asked, settings)
    card = asked.card.read_bytes() if asked.card else None
    locate = partial(absolute_path, settings=settings)
    content = export(chain, asked.version, _trusted(_folder(settings)), locate, card)
    target = asked.to or Path(f"{files.safe_name(chain.model)}-{asked.version}.zip")
    files.write_bytes(target.resolve(), content)
    result = verify_file(target)
    print("\n".join([*map(str, result.findings), f"{target}: findings: {result.faults}"]))
    return FAILED if result.faults else 0


def _generate(asked: argparse.Namespace) -> int:
    from galley.proof.decision import stamp
    from galley.proof.keys import PublicKey, SigningKey
    from galley.storage import files

    key = SigningKey.generate()
    public = PublicKey(_name(asked.name), key.public, not_before=stamp(datetime.now(UTC)))
    path = _folder(Settings.from_environment()) / f"{asked.name}.toml"
    if path.exists():
        raise SettingsError(f"{path} is there already. Give the new key another name.")
    if asked.private:
        _write_private(asked.private, key.to_text())
    files.write_bytes(path, public.to_bytes())
    print(f"{key.id}: public key in {path}", file=sys.stderr)
    print(f"private key in {asked.private}" if asked.private else key.to_text())
    return 0


def _name(text: str) -> str:
    if not re.fullmatch(r"[\w][\w.-]{0,99}", text, re.ASCII):
        raise SettingsError(f"{text!r} cannot be the name of a file. Give letters, digits, dots and dashes.")
    return text


def _write_private(path: Path, text: str) -> None:
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(f"{text}\n")
    except FileExistsError:
        raise SettingsError(f"{path} is there already. Name a new file for the private key.") from None


def _list(_: argparse.Namespace) -> int:
    for key in _trusted(_folder(Settings.from_environment())).all:
        until = f" until {key.not_after}" if key.not_after else ""
        revoked = f", revoked at {key.revoked}" if key.revoked else ""
        print(f"{key.id} {key.name} from {key.not_before}{until}{revoked}")
    return 0


def _trust(asked: argparse.Namespace) -> int:
    from galley.proof.keys import SigningKey, trust

    print(trust(SigningKey.read(sys.stdin.read(10_000)), Settings.from_environment().keys, _name(asked.name)))
    return 0


def _identify(_: argparse.Namespace) -> int:
    from galley.proof.keys import SigningKey

    print(SigningKey.read(sys.stdin.read(10_000)).id)
    return 0


def _folder(settings: Settings) -> Path:
    return settings.keys


def _trusted(folder: Path) -> Any:
    from galley.proof.keys import TrustedKeys

    if not folder.is_dir():
        raise MissingInput(f"There is no folder of public keys at {folder}. Make a key with: galley keys generate")
    return TrustedKeys.read(folder)


def _chain(asked: argparse.Namespace, settings: Settings) -> Any:
    """The statements about the model that is named, or about the only one."""
    chains = _chains(settings)
    found = [chain for chain in chains if asked.model in (None, chain.model)]
    if len(found) != 1:
        known = ", ".join(chain.model for chain in chains) or "none"
        raise MissingInput(f"Models with signed decisions: {known}. Name one of them with --model.")
    return found[0]


def _chains(settings: Settings) -> list[Any]:
    from galley.proof.chain import Chain
    from galley.proof.decision import FOLDER
    from galley.storage import bucket, files

    folder = settings.outputs / FOLDER
    names = bucket.folders(folder) if files.is_remote(folder) else files.listed(folder)
    return [Chain(folder / name, name) for name in sorted(names) if not name.startswith(".")]


def _print(asked: argparse.Namespace, said: Sequence[str], found: object) -> None:
    print(json.dumps(found, indent=2) if asked.json else "\n".join(map(_printable, said)))


def _printable(text: str) -> str:
    """The text without what steers a terminal or has no UTF-8: files of others may have any name."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
