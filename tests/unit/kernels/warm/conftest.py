"""Kernelspecs of this very environment, and kernels of them: forked where a server can be had, cold where it is off."""

import ast
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

from galley.kernels.kernelspec import write_kernelspec
from galley.kernels.warm.forked import ForkedKernel


class Kernel:
    """A started kernel and its client."""

    def __init__(self, name: str, **options: Any) -> None:
        self.manager = KernelManager(kernel_name=name)
        self.manager.start_kernel(**options)
        self.client = self.connect()

    def connect(self) -> BlockingKernelClient:
        client = self.manager.client()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        return client

    @property
    def process(self) -> Any:
        return self.manager.provisioner.process

    @property
    def is_forked(self) -> bool:
        return isinstance(self.process, ForkedKernel)

    def run(self, code: str) -> Any:
        """Run code in which `answer` is bound to something, and return it by way of JSON."""
        # With the reply, and not printed: what is printed may come after the end that is waited for.
        expressions = {"answer": "__import__('json').dumps(answer)"}
        options: Any = {"user_expressions": expressions, "output_hook": lambda _: None, "timeout": 60}
        # What comes within moments of an error is not run at all: it might have been sent before.
        while (reply := self.client.execute_interactive(code, **options))["content"]["status"] == "aborted":
            pass
        assert reply["content"]["status"] == "ok", "\n".join(reply["content"]["traceback"])
        return json.loads(ast.literal_eval(reply["content"]["user_expressions"]["answer"]["data"]["text/plain"]))

    def close(self) -> None:
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()


@pytest.fixture(scope="package")
def folder() -> Iterator[Path]:
    """Where sockets and kernelspecs are; its name is short, because the name of a socket must be."""
    path = Path(tempfile.mkdtemp(prefix="warm"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(path))
        patch.setenv("TMPDIR", str(path))  # for the processes that tests start
        patch.setenv("JUPYTER_PATH", str(path / "jupyter"))
        patch.delenv("GALLEY_WARM_KERNELS", raising=False)
        yield path
    for process in servers(path):
        process.kill()
    shutil.rmtree(path)


@pytest.fixture(scope="package")
def spec(folder: Path) -> Callable[..., str]:
    """Write a kernelspec that preloads these modules, and return its name."""

    def write(name: str, *modules: str, **settings: Any) -> str:
        path = write_kernelspec(name, Path(sys.executable), folder / "jupyter")
        content = json.loads(path.read_text())
        content["metadata"]["kernel_provisioner"]["config"] = {"modules": list(modules), **settings}
        path.write_text(json.dumps(content))
        return name

    return write


@pytest.fixture(scope="package")
def name(spec: Callable[..., str]) -> str:
    """The kernelspec that most tests use, so that they share a server."""
    return spec("shared", "numpy", "sklearn.ensemble", "sklearn.linear_model", "sklearn.datasets", "matplotlib.pyplot")


@pytest.fixture
def start(folder: Path) -> Iterator[Callable[..., Kernel]]:
    """Start a kernel by its kernelspec's name; it ends with the test."""
    kernels: list[Kernel] = []

    def started(name: str, **options: Any) -> Kernel:
        kernels.append(Kernel(name, **options))
        return kernels[-1]

    yield started
    for kernel in kernels:
        kernel.close()


def servers(folder: Path) -> list[psutil.Process]:
    """The servers below a folder; what has the command line of one, and is its kernel or its keeper, is none."""
    found = []
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
            if (
                "galley.kernels.warm.server" in command
                and str(folder) in " ".join(command)
                and process.name() not in ("warm kernel", "warm keeper")
            ):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def within(seconds: float, holds: Callable[[], Any]) -> bool:
    """Whether something comes to hold in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that its parent has not asked after yet has."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
