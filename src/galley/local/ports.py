"""Ports on loopback: a free one, or the one that a setting names."""

import socket

from galley.local.errors import PortTaken

LOOPBACK = "127.0.0.1"


def free() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_open(port: int) -> bool:
    """Whether something answers there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def require(port: int, variable: str, what: str, address: str = LOOPBACK) -> int:
    """Return the port; raises PortTaken, with the setting that changes it, if something listens there."""
    with socket.socket() as probe:
        # As servers do, so that a port whose last connections are still fading away counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            raise PortTaken(
                f"Port {port}, which {what} would use, cannot be had ({error.strerror}). "
                f"Stop what listens there, or give another port: {variable}={free()}"
            ) from None
    return port
