"""`make stack`: the whole system in containers, with a .env of generated secrets if there is none.

It needs Docker and this file's Python, and none of the project's environments.
"""

import os
import re
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

from galley.local.credentials import Secrets, write_private
from galley.run.checkout import IMAGE_CHECKOUT, for_image

NOBODY = 50000
"""Who containers run as when root starts them: they are never root themselves."""
_EMPTY_SECRET = re.compile(r"^(\w+_(?:KEY|PASSWORD|SECRET|TOKEN))=$", re.MULTILINE)
_RELATIVE = re.compile(r"^(\w+_DIR)=\./", re.MULTILINE)


def main() -> int:
    """Write .env if there is none, and bring the stack up; returns the exit code."""
    home = Path.cwd()
    if not shutil.which("docker"):
        print("There is no docker on this machine. Install Docker with its compose plugin, or use `make up`.")
        return 1
    if write_settings(home):
        print("Wrote .env with generated secrets.")
    environment = os.environ | {IMAGE_CHECKOUT: for_image(home)}
    command = ["docker", "compose", "up", "--build", "--wait"]
    code = subprocess.run(command, cwd=home, env=environment, check=False).returncode
    if code == 0:
        print(addresses(read(home / ".env")))
    return code


def write_settings(home: Path) -> bool:
    """Write .env, for its owner alone, if there is none; returns whether it was written."""
    if (home / ".env").exists():
        return False
    write_private(home / ".env", filled((home / ".env.example").read_text(), home, os.getuid()))
    return True


def filled(example: str, home: Path, uid: int) -> str:
    """The example with a new value for each empty secret, this user's number, and absolute folders."""
    text = _EMPTY_SECRET.sub(lambda found: f"{found[1]}={_secret(found[1])}", example)
    text = _RELATIVE.sub(lambda found: f"{found[1]}={home}/", text)
    return re.sub(r"^AIRFLOW_UID=.*$", f"AIRFLOW_UID={uid or NOBODY}", text, flags=re.MULTILINE)


def read(file: Path) -> dict[str, str]:
    """The settings in a .env file."""
    lines = [line.partition("=") for line in file.read_text().splitlines() if re.match(r"\w+=", line)]
    return {name: value for name, _, value in lines}


def addresses(settings: dict[str, str]) -> str:
    """Where everything is, and where the passwords are."""
    ports = {"Airflow": "AIRFLOW_PORT", "MLflow": "MLFLOW_PORT", "JupyterLab": "JUPYTER_PORT"}
    lines = [f"{name:<12} http://localhost:{settings[port]}" for name, port in ports.items()]
    return "\n".join([*lines, "log in as    admin, reviewer or viewer; in MLflow galley. Passwords are in .env"])


def _secret(name: str) -> str:
    made = Secrets.generate()
    known = {"AIRFLOW_FERNET_KEY": made.fernet_key, "AIRFLOW_JWT_SECRET": made.jwt_secret}
    return known.get(name) or secrets.token_urlsafe(24)


if __name__ == "__main__":
    sys.exit(main())
