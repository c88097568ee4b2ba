"""Other kernel: a model that the environment of another kernel loads, in a process that answers for it.

A champion and its challenger may need libraries that one environment does not have together. `[kernels.NAME]` of
galley.toml says with `loads` which flavors of MLflow's are asked in which kernel. That kernel's interpreter runs

    python -m galley.registry.other_kernel SOCKET FOLDER

where SOCKET is a file descriptor. Rows go over as Arrow, what is said of them comes back as an array, so that neither
side runs what the other wrote.
"""

import atexit
import gc
import io
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from galley.errors import GalleyError, KernelNotFound, ModelNotFound

if TYPE_CHECKING:
    from galley.settings import Settings

_METHODS = ("predict_proba", "predict", "predict_interval")
_ALL_RIGHT, _FAILED, _END = b"+", b"-", b"\0"
_TIMEOUT = 10.0
"""Seconds for a process to end that has closed its socket."""


class ModelInKernel:
    """A model in another kernel: its `predict_proba`, `predict`, `predict_interval` and `classes_`, if it has them.

    Its process ends with this object, or with this process.
    """

    def __init__(self, folder: Path, kernel: str, settings: "Settings") -> None:
        """Load it. Raises ModelNotFound if it is not loaded there, and KernelNotFound if there is no such kernel."""
        command, environment = _started_by(kernel)
        ours, theirs = socket.socketpair()
        self._kernel, self._turn = kernel, threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [*command, "-m", __name__, str(theirs.fileno()), str(folder)],
                env={**environment, "GALLEY_HOME": str(settings.home), "GALLEY_MODEL": settings.model.name},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        self._socket = Connection(ours.detach())
        said = json.loads(self._answer())
        self._methods: list[str] = said["methods"]
        if said["classes"] is not None:
            self.classes_ = said["classes"]

    def __getattr__(self, name: str) -> Any:
        """Give what asks it, under the name that it has there."""
        if name in self.__dict__.get("_methods", ()):
            return partial(self._ask, name)
        raise AttributeError(f"A model in another kernel has no {name!r}.")

    def _ask(self, method: str, rows: Any) -> np.ndarray[Any, Any]:
        with self._turn:
            self._send(method.encode() + _END + _packed(rows))
            return _array(self._answer())

    def _send(self, content: bytes) -> None:
        with suppress(OSError):  # it has ended: of that, the answer says more
            self._socket.send_bytes(content)

    def _answer(self) -> bytes:
        try:
            said = self._socket.recv_bytes()
        except (EOFError, OSError):
            code = self._process.wait(_TIMEOUT)
            raise ModelNotFound(
                f"what loads it in the kernel {self._kernel!r} ended with {code}. What it printed says why; its "
                "environment needs galley, and the library of the model."
            ) from None
        if said[:1] == _FAILED:
            raise ModelNotFound(f"in the kernel {self._kernel!r}: {said[1:].decode()}")
        return said[1:]

    def __del__(self) -> None:
        if hasattr(self, "_socket"):
            self._socket.close()
            self._process.wait(_TIMEOUT)


def kernel_for(flavor: str, settings: "Settings") -> str:
    """The kernel that galley.toml has load this flavor; blank if none is named, or if this process is of that one."""
    named = next((name for name, kernel in settings.project.kernels.items() if flavor in kernel.loads), "")
    if not named:
        return ""
    command, _ = _started_by(named)
    return "" if Path(command[0]).parent == Path(sys.executable).parent else named


def _started_by(kernel: str) -> tuple[Sequence[str], dict[str, str]]:
    """What starts the interpreter of a kernel, and its environment variables."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        spec = KernelSpecManager().get_kernel_spec(kernel)
    except NoSuchKernel:
        raise KernelNotFound(
            f"galley.toml has [kernels.{kernel}] load models, and there is no kernel of that name here. Install its "
            f"kernelspec, with `galley kernel install {kernel}` of its environment, or correct the name."
        ) from None
    own = {name: Template(value).safe_substitute(os.environ) for name, value in spec.env.items()}
    return spec.argv[: spec.argv.index("-m")] if "-m" in spec.argv else spec.argv[:1], {**os.environ, **own}


def main() -> None:
    """Serve, and end as an interpreter ends but for taking its modules apart, which takes a quarter of all its time."""
    _serve(Connection(int(sys.argv[1])), Path(sys.argv[2]))
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _serve(there: Connection, folder: Path) -> None:
    """Load the model of a folder, say how it is asked, and answer until nobody asks any more."""
    gc.disable()  # what is imported stays, and need not be looked through again and again
    try:
        model = _loaded(folder)
    except Exception as error:
        there.send_bytes(_FAILED + _in_words(error))
        return
    gc.freeze()
    gc.enable()
    methods = [name for name in _METHODS if hasattr(model, name)]
    classes = getattr(model, "classes_", None)
    known = None if classes is None else np.asarray(classes).tolist()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):  # nobody asks any more
        there.send_bytes(_ALL_RIGHT + json.dumps({"methods": methods, "classes": known}).encode())
        while True:
            there.send_bytes(_answered(model, there.recv_bytes()))


def _loaded(folder: Path) -> Any:
    from galley.registry.format import format_of
    from galley.settings import Settings

    return format_of(folder).load_here(Settings.from_environment().for_model())


def _answered(model: Any, content: bytes) -> bytes:
    method, _, rows = content.partition(_END)
    try:
        return _ALL_RIGHT + _of_array(np.asarray(getattr(model, method.decode())(_rows(rows))))
    except Exception as error:
        return _FAILED + _in_words(error)


def _in_words(error: Exception) -> bytes:
    return (str(error) if isinstance(error, GalleyError) else f"{type(error).__name__}: {error}").encode()


def _packed(rows: Any) -> bytes:
    """Rows as bytes: a frame as Arrow, with its types and its index; anything else as an array."""
    if isinstance(rows, pd.DataFrame):
        content: bytes = pa.ipc.serialize_pandas(rows).to_pybytes()
        return b"F" + content
    return b"A" + _of_array(np.asarray(rows))


def _rows(content: bytes) -> Any:
    return pa.ipc.deserialize_pandas(content[1:]) if content[:1] == b"F" else _array(content[1:])


def _of_array(values: np.ndarray[Any, Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values.astype(str) if values.dtype == object else values, allow_pickle=False)
    return stream.getvalue()


def _array(content: bytes) -> np.ndarray[Any, Any]:
    found: np.ndarray[Any, Any] = np.load(io.BytesIO(content), allow_pickle=False)
    return found


if __name__ == "__main__":
    main()
