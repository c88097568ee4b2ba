"""What tests of several folders need: where their stages run, and a receiver of alerts."""

import gc
import json
import os
import shutil
import subprocess
import threading
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import gcs as gcs_server
import pytest
import s3

from galley.storage.files import path_of

HOME = Path(__file__).parents[1]


def pytest_addoption(parser):
    parser.addoption("--runner", choices=["local", "docker"], default="local", help="where tests run their stages")


def pytest_configure(config):
    config.addinivalue_line("markers", "local_runner: holds what happens inside of the task's own process")
    config.addinivalue_line("markers", "docker_runner: holds what there is with containers alone")


def pytest_collection_modifyitems(config, items):
    other = {"local": "docker_runner", "docker": "local_runner"}[config.getoption("--runner")]
    left_out = [item for item in items if item.get_closest_marker(other)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="module", autouse=True)
def _what_stays_is_not_looked_through_again():
    """What earlier files left stays to the end: to look for garbage in it would take longer with each of them."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def runner(request):
    """The settings of the runner that was asked for, as environment variables."""
    if request.config.getoption("--runner") == "local":
        return {}
    image = build_image("data-stage")
    return {"GALLEY_RUNNER": "docker", "GALLEY_IMAGES": f"data={image}"}


@pytest.fixture(scope="session")
def build():
    """Builds one of the Dockerfile's targets."""
    return build_image


def build_image(target):
    """Build one of the Dockerfile's targets for tests; returns its name. Without an engine, skip, or fail in CI."""
    if not (shutil.which("docker") and subprocess.run(["docker", "version"], capture_output=True).returncode == 0):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Docker engine answers")
    image = f"galley-{target}:tests"
    subprocess.run(["docker", "build", "--quiet", "--target", target, "--tag", image, str(HOME)], check=True)
    return image


@pytest.fixture(scope="session")
def receiver():
    """An HTTP server on loopback that keeps what it is sent, as Apprise's json:// sends it."""
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.append({**sent, "path": self.path})
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            """Keep the test's output clean."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield SimpleNamespace(url=f"json://127.0.0.1:{server.server_port}", received=received)
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """MLflow takes seconds to lay out a database, so it does it once, and what needs one gets a copy."""
    import mlflow

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    mlflow.set_tracking_uri(f"sqlite:///{path}")
    mlflow.MlflowClient().search_experiments()
    return path


@pytest.fixture(scope="session")
def store():
    """The address of an S3 server on loopback, with a bucket in it; who asks is in the environment."""
    if not s3.PROGRAM.exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("there is no S3 server; make .venvs/store/.synced")
    with s3.server() as address:
        yield address


@pytest.fixture(scope="session")
def gcs():
    """The address of a server of Google Cloud Storage's protocol on loopback, with a bucket in it."""
    if gcs_server.program() is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("there is no server; make .venvs/store/.synced")
    with gcs_server.server() as address:
        yield address


@pytest.fixture
def in_bucket(store):
    """A folder of a bucket that has nothing yet."""
    return path_of(f"s3://galley/{uuid.uuid4().hex}")
