"""`make stack` and `make stack-down`: the whole system in containers, with a .env of generated secrets.

It needs Docker and this file's Python, and none of the project's environments.
"""

import argparse
import shutil
import sys
from pathlib import Path

from galley.errors import GalleyError
from galley.local import dotenv
from galley.local.compose import PORTS, Project


def main(words: list[str] | None = None) -> int:
    """Do what is asked, `up` or `down [--volumes]`; returns the exit code."""
    parser = argparse.ArgumentParser(prog="galley.local.stack", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("up")
    verbs.add_parser("down").add_argument("--volumes", action="store_true")
    given = parser.parse_args(words)
    if not shutil.which("docker"):
        print("There is no docker on this machine. Install Docker with its compose plugin, or use `make up`.")
        return 1
    try:
        up(Path.cwd()) if given.verb == "up" else Project(Path.cwd()).down(given.volumes)
    except GalleyError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def up(home: Path) -> None:
    """Bring the stack up as .env has it, which is written or filled in first.

    Raises SettingsError, PortTaken or ServiceEnded; the first two before anything is started.
    """
    prepare(home)
    project = Project(home)
    project.require_ports()
    project.up()
    print(addresses(dotenv.settings(home)))


def prepare(home: Path) -> None:
    """Make .env whole. Raises SettingsError where that would take or lock what another .env made."""
    project = Project(home)
    project.require_its_own()
    project.require_secrets()
    if filled := dotenv.complete(home):
        print(f"Filled in .env: {', '.join(filled)}.")
    dotenv.require_user(home)


def addresses(settings: dict[str, str]) -> str:
    """Where everything is, and where the passwords are."""
    lines = [f"{name:<12} http://localhost:{settings[port]}" for name, port in PORTS.items()]
    return "\n".join([*lines, "log in as    admin, reviewer or viewer; in MLflow galley. Passwords are in .env"])


if __name__ == "__main__":
    sys.exit(main())
