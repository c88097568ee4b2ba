"""The client of an embedded Airflow: what had no lock of the database in time is asked again, and nothing else is."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from galley.local.api import Client
from galley.local.errors import AirflowError

LOCKED = {"detail": {"reason": "Database error"}}


@pytest.fixture
def airflow():
    """A server that gives the answers in its list, one after the other, and counts the questions."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            server.asked += 1
            code, said = server.answers.pop(0)
            self.send_response(code)
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.asked, server.answers = 0, [(201, {"access_token": "t"})]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def ask(airflow):
    client = Client(f"http://127.0.0.1:{airflow.server_port}", "admin", "secret")
    return client._call("POST", "/api/v2/dags/a/dagRuns", {})


def test_a_database_that_was_locked_is_asked_again(airflow):
    airflow.answers += [(500, LOCKED), (500, LOCKED), (200, {"state": "queued"})]
    assert ask(airflow) == {"state": "queued"}


@pytest.mark.parametrize(("answer", "asked"), [((500, LOCKED), 31), ((500, {"detail": "a bug"}), 2), ((409, {}), 2)])
def test_any_other_error_and_one_that_stays_are_said(airflow, answer, asked):
    airflow.answers += [answer] * 40
    with pytest.raises(AirflowError, match=f"answered {answer[0]} to POST"):
        ask(airflow)
    assert airflow.asked == asked
