"""The stack from another machine: one name, one certificate, and a path for each user interface, by the proxy.

It is made from the backup of another stack, which runs beside it.
"""

import datetime
import json
import re
import socket
import ssl

import chromium
import pytest
from conftest import MAIL, clone, predicts_the_same
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from lab import Lab
from running import Stack

from galley.local import ports
from galley.local.dotenv import OF_THE_DATA

NAME = "galley.example.org"
DAY = "2026-10-20"
"""The first after the days of the backup."""
TITLE = f"Put the model of {DAY} into production?"


class Elsewhere(Stack):
    """A stack as other machines see it."""

    def url(self, name):
        return self.settings[f"{'JUPYTER' if name == 'LAB' else name}_URL"]


@pytest.fixture(scope="module")
def known():
    """The name of the stack is known, as by DNS, and its certificate trusted."""
    with pytest.MonkeyPatch.context() as patch:
        asked = socket.getaddrinfo
        patch.setattr(
            socket, "getaddrinfo", lambda host, *a, **k: asked("127.0.0.1" if host == NAME else host, *a, **k)
        )
        yield patch


@pytest.fixture(scope="module")
def restored(stack, backed_up, known, tmp_path_factory):
    """A stack of its own with the profile tls, and what its restoring said."""
    home = clone(tmp_path_factory.mktemp("tls"))
    certify(home)
    known.setenv("SSL_CERT_FILE", str(home / "tls.crt"))
    other, port = Elsewhere(home), ports.free()
    urls = {f"{name}_URL": f"https://{NAME}:{port}/{name.lower()}" for name in ("AIRFLOW", "MLFLOW", "JUPYTER")}
    files = {"TLS_CERTIFICATE_FILE": "./tls.crt", "TLS_KEY_FILE": "./tls.key"}
    alerts = {"GALLEY_ALERT_URLS": MAIL, "GALLEY_MODEL": "flights-late"}
    asked = {"COMPOSE_PROFILES": "dev,tls", "TLS_PORT": str(port), **urls, **files, **alerts}
    try:
        yield other, other.make("restore", f"FROM={stack.home / 'backups' / 'test'}", **asked)
    finally:
        other.remove()
    assert healths(stack) == {"healthy"}


@pytest.fixture(scope="module")
def elsewhere(restored):
    return restored[0]


def healths(stack):
    return {found["Health"] for found in stack.containers() if found["Service"] != "airflow-init"}


def certify(home):
    """A certificate for the name, signed by itself, and its key: both for whoever the stack runs as."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (home / "tls.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (home / "tls.key").write_bytes(key.private_bytes(*form))
    (home / "tls.key").chmod(0o644)


def test_a_backup_works_in_another_folder_beside_the_first(stack, restored, backed_up):
    other, said = restored
    assert "Taken from the backup into .env" in said
    assert f"Airflow      {other.url('AIRFLOW')}" in said
    assert "Used: a login, 1 connections and variables, galley/reports/" in said
    assert "the champion of flights-late, version" in said
    assert {name: other.settings[name] for name in OF_THE_DATA} == {name: stack.settings[name] for name in OF_THE_DATA}
    assert other.project != stack.project
    predicts_the_same(other, backed_up)
    assert healths(stack) == {"healthy"}


def test_the_certificate_is_the_one_that_is_named(elsewhere):
    shown = ssl.get_server_certificate((NAME, int(elsewhere.settings["TLS_PORT"])))
    assert shown == (elsewhere.home / "tls.crt").read_text()


@pytest.mark.parametrize(("name", "path"), [("MLFLOW", "/health"), ("AIRFLOW", "/api/v2/version"), ("LAB", "/api")])
def test_each_user_interface_is_below_its_path(elsewhere, name, path):
    assert elsewhere.ask(elsewhere.url(name) + path)[0] == 200


def test_mlflow_takes_what_its_pages_send_by_that_name_and_by_no_other(elsewhere):
    ours = elsewhere.basic("galley", elsewhere.settings["MLFLOW_PASSWORD"])
    search, body = f"{elsewhere.url('MLFLOW')}/ajax-api/2.0/mlflow/experiments/search", {"max_results": 1}
    origin = elsewhere.url("MLFLOW").removesuffix("/mlflow")
    assert elsewhere.ask(search, "POST", body, Origin=origin, **ours)[0] == 200
    assert elsewhere.ask(search, "POST", body, Origin="https://example.com", **ours)[0] == 403
    assert elsewhere.ask(search, "POST", body, Host="example.com", **ours)[0] == 403


def test_jupyterlab_runs_a_notebook_over_its_websocket(elsewhere):
    cell = {"cell_type": "code", "id": "one", "metadata": {}, "outputs": [], "execution_count": None, "source": "6 * 7"}
    kernel = {"kernelspec": {"name": "data", "display_name": "data"}}
    lab = Lab(elsewhere)
    lab.save("elsewhere.ipynb", {"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": [cell]})
    errors, said = lab.run("elsewhere.ipynb")
    assert (errors, said.strip()) == ([], "42")


def test_a_reviewer_goes_from_the_mail_to_the_answer(elsewhere):
    chromium.require()
    assert elsewhere.perform("generate_data", DAY) == ["success"]
    elsewhere.begin("train_weekly", DAY, train_days=1)
    (mail,) = elsewhere.wait(lambda: elsewhere.mails(TITLE), "the mail")
    link = re.search(rf"{elsewhere.url('AIRFLOW')}/dags/train_weekly/runs/[^\s<>\"]+", mail)[0]
    assert chromium.walk(elsewhere, link, "reviewer", name=NAME, reason="Better on both.") == ""
    assert elsewhere.ends("train_weekly", DAY) == ["success"]
    decision = json.loads((elsewhere.home / "outputs" / DAY / "train_weekly" / "decision.json").read_text())
    assert decision["reviewer"] == "reviewer"
