"""JupyterLab of the stack: reached with a token, saves no outputs, and its kernels write to a scratch folder.

What the schedule made is mounted read-only. A kernel sees it through links in the scratch folder, where a file that a
notebook writes takes the place of its link: the schedule's stays what it was.
"""

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager

from galley.notebooks.strip import before_save

MIRRORED = {"/data": Path("/scratch/data"), "/outputs": Path("/scratch/outputs")}


def mirror() -> None:
    """Link what is new; what is in the scratch folder already stays."""
    for source, target in MIRRORED.items():
        target.mkdir(exist_ok=True)
        command = ["cp", "--recursive", "--symbolic-link", "--update=none", f"{source}/.", str(target)]
        subprocess.run(command, check=False)
        # Locks are the schedule's own: through its link one could not be taken, and a kernel needs its own.
        for link in [path for path in target.rglob(".*") if path.is_symlink()]:
            link.unlink()


class MirroringKernelManager(AsyncMappingKernelManager):
    """Starts each kernel on the latest day."""

    async def start_kernel(self, **kwargs: Any) -> str:
        """Start a kernel; returns its id."""
        await asyncio.to_thread(mirror)
        return await super().start_kernel(**kwargs)


c: Any = get_config()  # type: ignore[name-defined]  # noqa: F821  (Jupyter defines it)
c.FileContentsManager.pre_save_hook = before_save
# The path that people reach it by; a proxy in front says how.
c.ServerApp.base_url = urlsplit(os.environ["JUPYTER_URL"]).path or "/"
c.ServerApp.trust_xheaders = True
c.ServerApp.ip = "0.0.0.0"  # noqa: S104  (inside the container; compose publishes it on loopback)
c.ServerApp.kernel_manager_class = MirroringKernelManager
c.ServerApp.port = 8888
c.ServerApp.port_retries = 0
c.ServerApp.root_dir = "/opt/galley/notebooks"
# What can be installed there would be gone with the container, and is not what the schedule has.
c.LabApp.extension_manager = "readonly"
