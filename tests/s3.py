"""An S3 server on loopback, for what has data and outputs in a bucket."""

import os
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

from galley.local import ports
from galley.storage.files import path_of

PROGRAM = Path(__file__).parents[1] / ".venvs" / "store" / "bin" / "moto_server"


@contextmanager
def server():
    """Its address, with a bucket named galley in it; who asks is in the environment."""
    port = ports.free()
    process = subprocess.Popen([PROGRAM, "--host", "127.0.0.1", "--port", str(port)], stderr=subprocess.DEVNULL)
    access = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "tests",
        "AWS_SECRET_ACCESS_KEY": "no secret of anybody's",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    try:
        with patch.dict(os.environ, access):
            deadline = time.monotonic() + 60
            while not ports.is_open(port):
                assert time.monotonic() < deadline, "the S3 server did not start"
                time.sleep(0.1)
            path_of("s3://galley").fs.mkdir("galley")
            yield access["AWS_ENDPOINT_URL"]
    finally:
        process.terminate()
        process.wait()
