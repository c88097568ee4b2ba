"""`make stack`, `make stack-down`, `make restore`: the whole system in containers, with a .env of generated secrets.

It needs Docker and this file's Python, and none of the project's environments.
"""

import argparse
import shutil
import sys
from pathlib import Path

from galley.errors import GalleyError, MissingInput
from galley.local import addresses, dotenv
from galley.local.compose import ComposeProject

CONTENTS = ("airflow.dump", "mlflow.dump", "mlflow.tar.gz", "files.tar.gz", "env")
"""The files of a backup."""


def main(words: list[str] | None = None) -> int:
    """Do what is asked, `up`, `down [--volumes]` or `restore BACKUP`; returns the exit code."""
    parser = argparse.ArgumentParser(prog="galley.local.stack", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("up")
    verbs.add_parser("down").add_argument("--volumes", action="store_true")
    verbs.add_parser("restore").add_argument("backup", type=Path)
    given = parser.parse_args(words)
    if not shutil.which("docker"):
        print("There is no docker on this machine. Install Docker with its compose plugin, or use `make up`.")
        return 1
    try:
        if given.verb == "down":
            ComposeProject(Path.cwd()).down(given.volumes)
        elif given.verb == "restore":
            restore(Path.cwd(), given.backup)
        else:
            up(Path.cwd())
    except GalleyError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def up(home: Path) -> None:
    """Bring the stack up as .env has it, which is written or filled in first.

    Raises SettingsError, PortTaken or ServiceEnded; the first two before anything is started.
    """
    prepare(home)
    project = ComposeProject(home)
    project.require_ports()
    project.up()
    print(summary(dotenv.settings(home)))


def prepare(home: Path) -> None:
    """Make .env whole. Raises SettingsError where that would take or lock what another .env made."""
    project = ComposeProject(home)
    project.require_its_own()
    project.require_secrets()
    if filled := dotenv.complete(home):
        print(f"Filled in .env: {', '.join(filled)}.")
    dotenv.require_user(home)
    addresses.require(home, dotenv.settings(home))


def restore(home: Path, backup: Path) -> None:
    """Put a backup in the place of what the stack has, start it, and use what it holds.

    Raises MissingInput, and what `up` raises; ServiceEnded also if what was restored cannot be used.
    """
    for name in CONTENTS:
        if not (backup / name).is_file():
            raise MissingInput(f"{backup / name} is not there. Name a backup: make restore FROM=backups/monday")
    prepare(home)
    project = ComposeProject(home)
    project.require_ports()
    if taken := dotenv.take(home, backup / "env"):
        print(f"Taken from the backup into .env, for its data cannot be read without: {', '.join(taken)}.")
    if others := dotenv.differing(home, backup / "env"):
        print(f"Other settings than when the backup was made: {', '.join(others)}. They stay as they are here.")
    project.run("deploy/restore", str(backup))
    up(home)
    password = dotenv.settings(home)["VIEWER_PASSWORD"]
    project.run("docker", "compose", "exec", "-T", "airflow-scheduler", "deploy/airflow/smoke", stdin=password)
    print(f"Restored {backup}.")


def summary(settings: dict[str, str]) -> str:
    """Where everything is, and where the passwords are."""
    lines = [f"{name:<12} {url}" for name, url in addresses.public(settings).items()]
    return "\n".join([*lines, "log in as    admin, reviewer or viewer; in MLflow galley. Passwords are in .env"])


if __name__ == "__main__":
    sys.exit(main())
