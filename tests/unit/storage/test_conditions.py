"""A store that ignores what a write depends on is refused, wherever a lock or a folder first rests on it."""

import os
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gcs
import pytest

from galley.storage.stores import store_of

OF_THE_CONNECTION = {"connection", "expect", "host", "transfer-encoding", "content-length"}
CODE = """
import sys
from galley.errors import SettingsError
from galley.storage import bucket, files, lease
lease.BEAT = 0.2
def write_folder(path):
    with files.replacing(path) as draft:
        draft.mkdir()
        (draft / "x").write_text("x")
try:
    {code}
except SettingsError as error:
    print("refused:", error)
else:
    print("done")
"""
TAKE = "held = lease.Lease(bucket.place(sys.argv[1])); print(held.take()); held.release()"
TAKE_TWICE = f"{TAKE}; {TAKE}"
KEEP = "import time; held = lease.Lease(bucket.place(sys.argv[1])); held.take(); time.sleep(1); held.confirm()"
WRITE_FOLDER = "write_folder(bucket.place(sys.argv[1]))"


@pytest.fixture
def behind(request, in_bucket):
    """Runs code in a process that reaches the store through a proxy; returns what it says, and the writes it made."""
    servers = []
    kind = store_of(str(in_bucket)).scheme
    store = request.getfixturevalue({"s3://": "store", "gs://": "gcs"}[kind])
    variable = {"s3://": "AWS_ENDPOINT_URL", "gs://": gcs.VARIABLE}[kind]

    def run(path, code, drops="", answers=None):
        writes = Counter()

        class Proxy(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def forward(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                address, condition = self.path, next(filter(self.headers.get, ("If-None-Match", "If-Match")), "")
                if generation := re.search(r"&?ifGenerationMatch=(\d+)", address):
                    condition = "ifGenerationMatch=0" if generation[1] == "0" else "ifGenerationMatch"
                    address = address.replace(generation[0], "") if condition == drops else address
                writes[condition] += 1
                if answers and condition == drops:
                    return self.reply(501, {}, f"<Error><Code>{answers}</Code></Error>".encode())
                asked = {n: v for n, v in self.headers.items() if n.lower() not in OF_THE_CONNECTION and n != drops}
                asked.setdefault("Content-Type", "application/octet-stream")  # or urllib says that it is a form
                request = urllib.request.Request(  # noqa: S310
                    store + address, body or None, asked, method=self.command
                )
                try:
                    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                        return self.reply(answer.status, answer.headers, answer.read())
                except urllib.error.HTTPError as error:
                    return self.reply(error.code, error.headers, error.read())

            def reply(self, status, headers, body):
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in OF_THE_CONNECTION:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = forward  # noqa: N815

            def log_message(self, *args):
                """Keep the test's output clean."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        environment = {**os.environ, variable: f"http://127.0.0.1:{server.server_port}"}
        command = [sys.executable, "-c", CODE.format(code=code), str(path)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout, writes

    yield run
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def conditions(in_bucket):
    """What the store calls those of an object that is not there, and of one that has not changed."""
    return store_of(str(in_bucket)).conditions


@pytest.mark.parametrize("code", [TAKE, WRITE_FOLDER])
def test_a_store_that_writes_over_what_is_there_is_refused_with_what_to_do(behind, in_bucket, conditions, code):
    said, _ = behind(in_bucket / "x", code, drops=conditions[0])
    assert f"the object store ignores {conditions[0]} of a write, so that two runs" in said
    assert "Set GALLEY_DATA and GALLEY_OUTPUTS to folders on a disk, or to a bucket whose store" in said


@pytest.mark.parametrize("code", [TAKE, KEEP])
def test_so_is_one_that_writes_over_what_another_has_written(behind, in_bucket, conditions, code):
    said, _ = behind(in_bucket / "x", code, drops=conditions[1])
    assert f"the object store ignores {conditions[1]} of a write" in said


@pytest.mark.parametrize("in_bucket", ["s3"], indirect=True)
def test_so_is_one_that_says_that_it_knows_no_conditions(behind, in_bucket):
    said, _ = behind(in_bucket / "x", TAKE, drops="If-None-Match", answers="NotImplemented")
    assert "the object store ignores If-None-Match of a write" in said


def test_a_store_that_honours_conditions_is_asked_once_in_a_process_for_each(behind, in_bucket, conditions):
    said, once = behind(in_bucket / "x", TAKE)
    assert said.endswith("None\ndone\n")
    assert [once[condition] for condition in conditions] == [2, 2]
    _, twice = behind(in_bucket / "y", TAKE_TWICE)
    assert [twice[condition] for condition in conditions] == [2, 4]
