"""Compose: what Docker has of a folder's stack, and what docker compose is asked to do with it."""

import json
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from galley.errors import SettingsError
from galley.local import addresses, dotenv, ports
from galley.local.errors import ServiceEnded
from galley.run.checkout import IMAGE_CHECKOUT, for_image

_LABEL = "com.docker.compose.project"


class ComposeProject:
    """The Compose project of a folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.name = dotenv.project(home)

    def require_its_own(self) -> None:
        """Raise SettingsError if containers of this name are those of another folder's stack."""
        form = f'{{{{.Label "{_LABEL}.working_dir"}}}}'
        owners = self._docker("ps", "--all", "--filter", f"label={_LABEL}={self.name}", "--format", form).splitlines()
        for owner in sorted({Path(owner) for owner in owners if owner}):
            if (owner / "docker-compose.yml").exists() and owner.resolve() != self.home.resolve():
                raise SettingsError(
                    f"The containers of the Compose project {self.name} are those of {owner}, and would be replaced. "
                    f"Give this folder a name of its own in .env: {dotenv.NAME}={dotenv.project_of_its_own(self.home)}"
                )

    def require_secrets(self) -> None:
        """Raise SettingsError if there are volumes, and .env has lost a secret that they were made with."""
        lost = [name for name in dotenv.lacking(self.home) if name in dotenv.OF_THE_VOLUMES]
        if lost and self._docker("volume", "ls", "--quiet", "--filter", f"name=^{self.name}_postgres$"):
            raise SettingsError(
                f"There are volumes of {self.name}, and .env has no {', '.join(lost)}, which they were made with. "
                "Put .env back (each backup has it, as `env`), or remove the volumes and what they hold: "
                "make stack-down VOLUMES=yes"
            )

    def require_ports(self) -> None:
        """Raise PortTaken if a port that the stack is to listen on belongs to somebody else."""
        own, given = self._published(), dotenv.settings(self.home)
        for what, (variable, address) in addresses.published(given).items():
            if not given[variable].isdecimal():
                raise SettingsError(f"{variable}={given[variable]} in .env is not a valid port. Give it a number.")
            if int(given[variable]) not in own:
                ports.require(int(given[variable]), variable, what, address)

    def up(self) -> None:
        """Build the images, start what the settings ask for, and end what they no longer ask for.

        Raises ServiceEnded if a service does not become healthy; docker compose has said why.
        """
        self.run("docker", "compose", "build")
        if services := self._switched_off():
            self.run("docker", "compose", "--profile", "*", "rm", "--stop", "--force", *services)
        self.run("docker", "compose", "up", "--wait", "--remove-orphans")
        # What was built before, and is no longer of use to anybody.
        self._docker("image", "prune", "--force", "--filter", f"label={_LABEL}={self.name}")

    def down(self, volumes: bool) -> None:
        """End all services, those of every profile, and the stages in containers; volumes stay unless asked for."""
        of_stages = ["--filter", "label=galley.stage", "--filter", f"network={self.name}_stages"]
        if stages := self._docker("ps", "--all", "--quiet", *of_stages).split():
            self._docker("rm", "--force", *stages)
        self.run("docker", "compose", "--profile", "*", "down", "--remove-orphans", *(["--volumes"] if volumes else []))

    def _switched_off(self) -> list[str]:
        """The services of profiles that are not asked for. Compose itself lets them run on."""
        every = self._docker("compose", "--profile", "*", "config", "--services").split()
        asked = self._docker("compose", "config", "--services").split()
        return sorted(set(every) - set(asked))

    def _published(self) -> set[int]:
        """The ports that this project listens on now."""
        listed = self._docker("compose", "ps", "--format", "json").splitlines()
        found: Iterable[dict[str, int]] = (one for line in listed for one in json.loads(line)["Publishers"] or [])
        return {one["PublishedPort"] for one in found}

    def run(self, *command: str, stdin: str = "") -> None:
        """Run a command in the folder, seen by whoever waits. Raises ServiceEnded if it fails."""
        environment = self._environment() | {IMAGE_CHECKOUT: for_image(self.home)}
        done = subprocess.run(command, cwd=self.home, env=environment, input=stdin, text=True, check=False)
        if done.returncode != 0:
            raise ServiceEnded(f"`{' '.join(command)}` failed; what it said last is why.")

    def _docker(self, *words: str) -> str:
        command = ["docker", *words]
        done = subprocess.run(
            command, cwd=self.home, env=self._environment(), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise ServiceEnded(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
        return done.stdout.strip()

    def _environment(self) -> dict[str, str]:
        """What docker compose gets: for secrets that are still to be made, or lost, something that is not empty."""
        return os.environ | dict.fromkeys(dotenv.lacking(self.home), "unknown") | {dotenv.NAME: self.name}
