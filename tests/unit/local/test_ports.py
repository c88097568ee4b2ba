"""Ports on loopback."""

import socket

import pytest

from galley.local import ports
from galley.local.errors import PortTaken


@pytest.fixture
def taken():
    """A port that something listens on."""
    with socket.socket() as server:
        server.bind((ports.LOOPBACK, 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_that_is_taken_is_named_with_the_setting_that_changes_it(taken):
    with pytest.raises(PortTaken, match=rf"Port {taken}, which Airflow would use.*GALLEY_AIRFLOW_PORT=\d+"):
        ports.require(taken, "GALLEY_AIRFLOW_PORT", "Airflow")


def test_a_free_port_is_handed_back():
    port = ports.free()
    assert ports.require(port, "GALLEY_AIRFLOW_PORT", "Airflow") == port


def test_a_port_is_open_when_something_listens(taken):
    assert ports.is_open(taken)
    assert not ports.is_open(ports.free())
