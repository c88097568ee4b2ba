"""Kernel application: ipykernel's, losing no output and leaving no process.

Kernels start by `python -m galley.kernels.application`.
"""

import sys
from pathlib import Path
from typing import Any

if __name__ == "__main__" and sys.path[0] == str(Path.cwd()):
    del sys.path[0]  # as ipykernel_launcher does: what lies beside a notebook must not stand in for a library

from galley.kernels.keeper import keep

if __name__ == "__main__":
    keep()  # before there is more to fork

import zmq
from ipykernel.kernelapp import IPKernelApp


class KernelApplication(IPKernelApp):
    """A kernel whose outputs wait until they are taken."""

    def init_iopub(self, context: Any) -> None:
        """Open the socket for outputs."""
        # Beyond a thousand that wait, ZeroMQ would drop the next ones without a word, a stage's conclusion among them.
        context.setsockopt(zmq.SNDHWM, 0)
        super().init_iopub(context)  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    KernelApplication.launch_instance()
