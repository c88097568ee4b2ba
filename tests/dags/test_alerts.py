"""Alerts reach a real mail server and a real HTTP receiver, and say where to read on."""

import json
import socket
import threading
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest
from aiosmtpd.controller import Controller

from galley.airflow.alerts import FailureAlert
from galley.errors import ContractBreach


@pytest.fixture
def failure(home):
    """What Airflow hands to a callback, for a stage that failed with a report."""
    outputs = home / "outputs"
    execution = SimpleNamespace(
        page=outputs / "2026-11-23/train_weekly/attempts/01_prepare.try1.html",
        settings=SimpleNamespace(outputs=outputs),
    )
    ti = SimpleNamespace(
        dag_id="train_weekly", task_id="prepare", run_id="manual__1", try_number=1, log_url="http://localhost/log"
    )
    error = ContractBreach("data.csv: column 'hour' is missing. Put it back.")
    return {"ti": ti, "exception": error, "task": SimpleNamespace(execution=execution), "dag": None}


class _Inbox:
    def __init__(self):
        self.messages = []

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802 - aiosmtpd's name
        self.messages.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def inbox():
    box = _Inbox()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        box.port = probe.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    yield box
    controller.stop()


@pytest.fixture
def receiver():
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            """Keep the test's output clean."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield SimpleNamespace(port=server.server_port, received=received)
    server.shutdown()


def test_an_alert_by_mail_names_task_error_report_and_log(failure, inbox, monkeypatch):
    address = f"mailto://127.0.0.1:{inbox.port}?from=galley@example.org&to=night@example.org&mode=insecure"
    monkeypatch.setenv("GALLEY_ALERT_URLS", address)
    FailureAlert()(failure)
    (message,) = inbox.messages
    text = message.get_body().get_content()
    assert message["Subject"] == "train_weekly: prepare failed"
    assert "ContractBreach: data.csv: column 'hour' is missing" in text.replace("&apos;", "'").replace("&#x27;", "'")
    assert "/galley/reports/2026-11-23/train_weekly/attempts/01_prepare.try1.html" in text
    assert "http://localhost/log" in text


def test_an_alert_over_http_goes_to_every_url_once(failure, receiver, monkeypatch):
    urls = f"json://127.0.0.1:{receiver.port}/a json://127.0.0.1:{receiver.port}/b"
    monkeypatch.setenv("GALLEY_ALERT_URLS", urls)
    FailureAlert()(failure)
    assert [alert["title"] for alert in receiver.received] == ["train_weekly: prepare failed"] * 2
    assert all(alert["type"] == "failure" for alert in receiver.received)


def test_with_no_urls_the_log_says_once_that_nobody_is_told(failure, monkeypatch, caplog):
    monkeypatch.setenv("GALLEY_ALERT_URLS", "")
    FailureAlert()(failure)
    assert [record.message for record in caplog.records if "Nobody is told" in record.message] == [
        "Nobody is told of this failure: GALLEY_ALERT_URLS is empty. Set it to Apprise URLs."
    ]
