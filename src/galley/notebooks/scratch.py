"""Scratch: kernels of JupyterLab see what the schedule made through links, and what they write takes a link's place."""

import asyncio
import os
from pathlib import Path
from typing import Any

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from traitlets import Dict, Unicode


class ScratchKernelManager(AsyncMappingKernelManager):
    """Starts each kernel on the latest day, in folders where it can change nothing that the schedule made."""

    mirrored = Dict(
        key_trait=Unicode(), value_trait=Unicode(), help="The folders of the schedule, each with its scratch folder."
    ).tag(config=True)

    async def start_kernel(self, **kwargs: Any) -> str:  # type: ignore[override]  # as jupyter_server does
        """Start a kernel; returns its id."""
        for source, target in self.mirrored.items():
            await asyncio.to_thread(mirror, Path(source), Path(target))
        identity: str = await super().start_kernel(**kwargs)
        return identity


def mirror(source: Path, target: Path) -> None:
    """Link each file that is new in `source`; what is in `target` stays, and a link whose file is gone goes.

    Left out is what begins with a dot, such as locks, which a kernel has to take for itself, and MLflow's own store.
    """
    target.mkdir(parents=True, exist_ok=True)
    for folder, folders, names in os.walk(source):
        here = target / Path(folder).relative_to(source)
        here.mkdir(exist_ok=True)
        folders[:] = [name for name in folders if name[0] != "." and Path(folder, name) != source / "mlflow"]
        for gone in [path for path in here.iterdir() if path.is_symlink() and not path.exists()]:
            gone.unlink()
        for name in names:
            if name[0] != "." and not os.path.lexists(here / name):
                (here / name).symlink_to(Path(folder, name))
