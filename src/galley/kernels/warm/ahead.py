"""Ahead: starts the servers of warm kernels before anybody waits for one.

    python -m galley.kernels.warm.ahead

For each kernel that the project's notebooks name and that has galley's provisioner, one after the other. A stage that
needs one meanwhile waits for that start and begins no other. What fails is logged, and the first stage starts its
server, or its kernel cold.
"""

import asyncio
import logging
import os
from contextlib import suppress
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager

from galley.errors import NotebookError, SettingsError
from galley.kernels import options
from galley.kernels.user import KernelUser
from galley.kernels.warm.client import NoWarmKernel
from galley.kernels.warm.provisioner import WarmProvisioner
from galley.notebooks.parameters import Notebook
from galley.settings import Settings

NAME = "galley-warm"
"""The provisioner's, as kernelspecs have it."""

log = logging.getLogger(__name__)


def main() -> None:
    """Start those that a stage of this process's children would use."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        settings = Settings.from_environment()
        user = KernelUser.of(settings.kernel_user) if settings.kernel_user else None
    except SettingsError as error:
        log.warning("No server of warm kernels is started ahead: %s", error)
        return
    if settings.runner == "local":
        kernelspecs = KernelSpecManager()
        for name in sorted(_named(settings.notebooks) & kernelspecs.find_kernel_specs().keys()):
            spec = kernelspecs.get_kernel_spec(name)
            if spec.metadata.get("kernel_provisioner", {}).get("provisioner_name") == NAME:
                _prepare(name, spec, user)


def _named(notebooks: Path) -> set[str]:
    """The kernels that a project's notebooks name."""
    names = set()
    for path in notebooks.rglob("*.ipynb"):
        with suppress(NotebookError):  # its run says what is wrong with it
            names.add(Notebook.load(path).kernel_name or "")
    return names


def _prepare(name: str, spec: KernelSpec, user: KernelUser | None) -> None:
    provisioner = WarmProvisioner(kernel_spec=spec, **spec.metadata["kernel_provisioner"].get("config", {}))
    environment = user.environment(os.environ) if user else os.environ
    try:
        asyncio.run(provisioner.prepare(options.environment(spec, environment), user))
    except NoWarmKernel as reason:
        log.warning("The server of warm kernels %s is not started ahead: %s", name, reason)


if __name__ == "__main__":
    main()
