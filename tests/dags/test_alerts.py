"""Alerts reach a real mail server and a real HTTP receiver, and say where to read on."""

import html
import json
import socket
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from types import SimpleNamespace

import pytest
from aiosmtpd.controller import Controller
from airflow.providers.smtp.notifications.smtp import SmtpNotifier

from galley.airflow.alerts import FailureAlert, ReviewAlert
from galley.airflow.review import ReviewOperator
from galley.errors import ContractBreach
from galley.settings import Settings


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


def test_an_alert_by_mail_names_task_error_report_and_log(failure, inbox, monkeypatch):
    address = f"mailto://127.0.0.1:{inbox.port}?from=galley@example.org&to=night@example.org&mode=insecure"
    monkeypatch.setenv("GALLEY_ALERT_URLS", address)
    FailureAlert()(failure)
    (message,) = inbox.messages
    text = message.get_body().get_content()
    assert message["Subject"] == "train_weekly: prepare failed"
    assert "ContractBreach: data.csv: column 'hour' is missing" in html.unescape(text).replace("\xa0", " ")
    assert "/galley/reports/2026-11-23/train_weekly/attempts/01_prepare.try1.html" in text
    assert "http://localhost/log" in text


def test_an_alert_over_http_goes_to_every_url_once(failure, receiver, monkeypatch):
    monkeypatch.setenv("GALLEY_ALERT_URLS", f"{receiver.url}/a {receiver.url}/b")
    receiver.received.clear()
    FailureAlert()(failure)
    assert [alert["title"] for alert in receiver.received] == ["train_weekly: prepare failed"] * 2
    assert all(alert["type"] == "failure" for alert in receiver.received)


def test_an_alert_goes_to_connections_of_airflow_too(failure, receiver, monkeypatch):
    services = [{"path": f"{receiver.url}/a"}, {"path": f"{receiver.url}/b"}]
    monkeypatch.setenv("AIRFLOW_CONN_NIGHT", json.dumps({"conn_type": "apprise", "extra": {"config": services}}))
    monkeypatch.setenv("GALLEY_ALERT_URLS", f"night {receiver.url}/c")
    receiver.received.clear()
    FailureAlert()(failure)
    assert sorted(alert["path"] for alert in receiver.received) == ["/a", "/b", "/c"]
    monkeypatch.setenv("GALLEY_ALERT_URLS", "night")
    FailureAlert()(failure)
    assert len(receiver.received) == 5


@pytest.mark.parametrize("connection", [None, '{"conn_type": "apprise"}', '{"conn_type": "apprise", "extra": "{}"}'])
def test_a_connection_that_is_not_there_or_names_no_service_is_said_and_the_others_get_it(
    failure, receiver, monkeypatch, caplog, connection
):
    if connection:
        monkeypatch.setenv("AIRFLOW_CONN_NIGHT", connection)
    monkeypatch.setenv("GALLEY_ALERT_URLS", f"night {receiver.url}/c")
    receiver.received.clear()
    FailureAlert()(failure)
    assert "'train_weekly: prepare failed' was not sent by night" in caplog.text
    assert [alert["path"] for alert in receiver.received] == ["/c"]


@pytest.fixture
def review(home):
    """What Airflow hands to the notifier of a task that waits for a person, where it is served below /airflow."""
    ti = SimpleNamespace(dag_id="train_weekly", task_id="approval", run_id="scheduled__2026-11-23T00:00:00+00:00")
    table = "| score | new |\n|---|---|\n| ROC AUC | 0.7 |"
    body = f"**Recommend approve**\n\n{table}\n\n[All](/airflow/galley/reports/a.html)"
    return {"ti": ti, "task": SimpleNamespace(subject="Put it into production?", body=body)}


DEADLINE = datetime(2026, 11, 29, 0, 10, tzinfo=UTC)


def test_an_alert_that_asks_has_the_evidence_the_form_and_the_deadline(review, receiver, monkeypatch):
    monkeypatch.setenv("GALLEY_ALERT_URLS", receiver.url)
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://example.org/airflow/")
    ReviewAlert(DEADLINE)(review)
    alert = receiver.received[-1]
    form = "dags/train_weekly/runs/scheduled__2026-11-23T00%3A00%3A00%2B00%3A00/tasks/approval/required_actions"
    assert alert["title"] == "Put it into production?"
    assert f"<https://example.org/airflow/{form}>" in alert["message"]
    assert "[All](https://example.org/airflow/galley/reports/a.html)" in alert["message"]
    assert "Without an answer until 2026-11-29 00:10 UTC it is a Reject." in alert["message"]


def test_a_mail_that_asks_shows_the_table_as_one(review, inbox, monkeypatch):
    address = f"mailto://127.0.0.1:{inbox.port}?from=galley@example.org&to=ada@example.org&mode=insecure"
    monkeypatch.setenv("GALLEY_ALERT_URLS", address)
    ReviewAlert(DEADLINE, why="There is no answer yet.")(review)
    (message,) = inbox.messages
    text = message.get_body(("html",)).get_content()
    assert "There is no answer yet." in text
    assert "<td>ROC AUC</td>" in text


def test_a_notifier_of_airflows_mails_what_is_asked_and_where_over_a_connection(home, inbox, monkeypatch):
    connection = {"conn_type": "smtp", "host": "127.0.0.1", "port": inbox.port}
    connection["extra"] = {"disable_ssl": True, "disable_tls": True}
    monkeypatch.setenv("AIRFLOW_CONN_MAIL", json.dumps(connection))
    monkeypatch.setenv("GALLEY_ALERT_URLS", "")
    mail = SmtpNotifier(
        smtp_conn_id="mail", from_email="galley@example.org", to="ada@example.org",
        subject="{{ task.subject }}", html_content="{{ task.body }} {{ task.form_url }}",
    )  # fmt: skip
    task = ReviewOperator(task_id="approval", subject="The week?", body="Better.", notifiers=mail)
    ti = SimpleNamespace(dag_id="train", task_id="approval", run_id="manual__1")
    context = {"ti": ti, "task": task, "dag": None}
    for notifier in task._notifiers(context, Settings.from_environment(), ReviewAlert(DEADLINE)):
        notifier(context)
    (message,) = inbox.messages
    said = message.get_body(("html",)).get_content()
    assert message["Subject"] == "The week?"
    assert "Better." in said
    assert "/dags/train/runs/manual__1/tasks/approval/required_actions" in said


def test_whoever_sets_urls_and_names_notifiers_has_both(home, monkeypatch):
    monkeypatch.setenv("GALLEY_ALERT_URLS", "json://127.0.0.1:1")
    mail = SmtpNotifier(to="ada@example.org")
    task = ReviewOperator(task_id="approval", subject="The week?", notifiers=[mail])
    ti = SimpleNamespace(dag_id="train", task_id="approval", run_id="manual__1")
    alert = ReviewAlert(DEADLINE)
    assert task._notifiers({"ti": ti}, Settings.from_environment(), alert) == [mail, alert]


@pytest.mark.parametrize(
    ("url", "said"), [("nowhere://example.org", "Unparseable URL"), ("json://127.0.0.1:1", "Connection error")]
)
def test_an_alert_that_cannot_be_sent_is_said_and_keeps_no_task_from_its_work(review, monkeypatch, caplog, url, said):
    monkeypatch.setenv("GALLEY_ALERT_URLS", url)
    ReviewAlert(DEADLINE)(review)
    assert said in caplog.text


def test_with_no_urls_the_log_says_once_that_nobody_is_notified(failure, monkeypatch, caplog):
    monkeypatch.setenv("GALLEY_ALERT_URLS", "")
    FailureAlert()(failure)
    assert [record.message for record in caplog.records if "Nobody is notified" in record.message] == [
        "Nobody is notified of 'train_weekly: prepare failed': GALLEY_ALERT_URLS is empty. Set it to Apprise URLs."
    ]


HOSTILE = (
    '<script>x</script><img src="https://example.org/seen.png">![x](https://example.org/seen.png) a < b <!-- x -->'
)


def test_a_mail_shows_what_a_notebook_wrote_as_text_and_loads_nothing(review, inbox, monkeypatch):
    address = f"mailto://127.0.0.1:{inbox.port}?from=galley@example.org&to=ada@example.org&mode=insecure"
    monkeypatch.setenv("GALLEY_ALERT_URLS", address)
    review["task"].body += f"\n\n{HOSTILE}"
    ReviewAlert(DEADLINE, why=f"ada {HOSTILE} approved and gave no reason, so it is asked again.")(review)
    (message,) = inbox.messages
    text = message.get_body(("html",)).get_content()
    assert not any(tag in text for tag in ("<script", "<img", "<!--"))
    assert "a &lt; b" in text
    assert "<td>ROC AUC</td>" in text


def test_an_error_cannot_pass_for_another_line_of_the_alert(failure, receiver, monkeypatch):
    monkeypatch.setenv("GALLEY_ALERT_URLS", receiver.url)
    failure["exception"] = ContractBreach("two lines:\nReport: https://example.org\r\nLog: https://example.org")
    FailureAlert()(failure)
    lines = receiver.received[-1]["message"].splitlines()
    assert [line.partition(":")[0] for line in lines if line[0] != " "] == ["Run", "Try", "Error", "Report", "Log"]
    assert "    Report: https://example.org" in lines


def test_the_title_of_an_alert_is_one_line(review, receiver, monkeypatch):
    monkeypatch.setenv("GALLEY_ALERT_URLS", receiver.url)
    review["task"].subject = "Put it\nBcc: all@example.org into production?"
    ReviewAlert(DEADLINE)(review)
    assert receiver.received[-1]["title"] == "Put it Bcc: all@example.org into production?"
