"""JupyterLab of the stack: reached with a token, saves no outputs, and its kernels write to a scratch folder.

What the schedule made is mounted read-only.
"""

import os
from typing import Any
from urllib.parse import urlsplit

from galley.notebooks.scratch import ScratchKernelManager
from galley.notebooks.strip import before_save

c: Any = get_config()  # type: ignore[name-defined]  # noqa: F821  (Jupyter defines it)
c.FileContentsManager.pre_save_hook = before_save
c.ScratchKernelManager.mirrored = {"/data": "/scratch/data", "/outputs": "/scratch/outputs"}
# The path that people reach it by; a proxy in front says how.
c.ServerApp.base_url = urlsplit(os.environ["JUPYTER_URL"]).path or "/"
c.ServerApp.trust_xheaders = True
c.ServerApp.ip = "0.0.0.0"  # noqa: S104  (inside the container; compose publishes it on loopback)
c.ServerApp.kernel_manager_class = ScratchKernelManager
c.ServerApp.port = 8888
c.ServerApp.port_retries = 0
c.ServerApp.root_dir = "/opt/galley/notebooks"
# What can be installed there would be gone with the container, and is not what the schedule has.
c.LabApp.extension_manager = "readonly"
