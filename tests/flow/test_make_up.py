"""`make up` on a fresh project: two user interfaces on loopback, who can log in, and nothing left after Ctrl-C."""

import contextlib
import http.client
import json
import signal
import socket
import time
import urllib.parse

import psutil
import pytest

from galley.local import ports


def heard(process, last):
    """What it says up to a line that begins so."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith(last):
            break
    return "".join(lines)


@pytest.fixture(scope="module")
def supervisor(project):
    """It runs while these tests do."""
    process = project.start("up")
    yield process
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)


@pytest.fixture(scope="module")
def said(supervisor):
    """What it says until it is up."""
    return heard(supervisor, "Ctrl-C")


def ask(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    address = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET" if body is None else "POST", address.path or "/", data, headers)
        response = connection.getresponse()
        return response.status, response.read()


def address_of(name, said):
    return next(line.split()[1] for line in said.splitlines() if line.startswith(name))


def passwords_in(said):
    """Users and passwords, as a person would read them from the screen."""
    words = [line.split() for line in said.splitlines() if line.startswith("log in as")]
    return {line[3]: line[5] for line in words}


@pytest.mark.parametrize("name", ["Airflow", "MLflow"])
def test_a_user_interface_answers_where_it_says(said, name):
    status, page = ask(address_of(name, said))
    assert status == 200
    assert b"<html" in page.lower()


def test_a_report_can_be_opened_in_the_jupyterlab_that_make_lab_starts(project, supervisor, said):
    told = set()
    for service in psutil.Process(supervisor.pid).children():
        with contextlib.suppress(psutil.Error):
            told.add(service.environ().get("GALLEY_LAB_URL"))
    assert f"http://127.0.0.1:{project.ports['LAB']}" in told
    assert "make lab" in said


@pytest.mark.parametrize("user", ["admin", "reviewer"])
def test_a_user_logs_in_with_the_password_that_was_shown(said, user):
    body = {"username": user, "password": passwords_in(said)[user]}
    status, answer = ask(f"{address_of('Airflow', said)}/auth/token", body)
    assert status == 201
    assert json.loads(answer)["access_token"]


def test_everything_listens_on_loopback_alone(project, said):
    connections = [connection for process in project.processes() for connection in process.net_connections("inet")]
    listening = {connection.laddr for connection in connections if connection.status == psutil.CONN_LISTEN}
    assert {address.ip for address in listening} == {"127.0.0.1"}
    assert {project.ports["AIRFLOW"], project.ports["MLFLOW"]} <= {address.port for address in listening}


def test_another_command_is_refused_while_it_runs(project, said):
    code, answer = project.run("run", "--ds", "2025-03-09", "--days", "1")
    assert code == 1
    assert "`make up` (process" in answer
    assert "Ctrl-C" in answer


def test_a_service_that_was_killed_is_said_at_once_and_answers_again(project, supervisor, said):
    server = next(process for process in psutil.Process(supervisor.pid).children() if "mlflow" in process.cmdline())
    server.kill()
    assert "mlflow was killed by SIGKILL. Its last lines:" in heard(supervisor, "It is started again")
    while not ports.is_open(project.ports["MLFLOW"]):
        assert supervisor.poll() is None
        time.sleep(0.2)
    assert ask(address_of("MLflow", said))[0] == 200


def test_ctrl_c_ends_every_process(project, supervisor, said):
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait(timeout=120) == 0
    assert project.processes() == []


def test_a_port_that_is_taken_is_named_with_its_setting(project, said):
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", project.ports["AIRFLOW"]))
        server.listen()
        code, answer = project.run("up")
    assert code == 1
    assert f"Port {project.ports['AIRFLOW']}, which Airflow would use" in answer
    assert "GALLEY_AIRFLOW_PORT=" in answer
