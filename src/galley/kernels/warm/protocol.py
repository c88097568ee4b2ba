"""Protocol: JSON messages with file descriptors, over a Unix socket between two processes."""

import array
import json
import os
import socket
import struct
from collections.abc import Sequence
from typing import Any

_LENGTH = struct.Struct("!I")
_LIMIT = 16 * 1024 * 1024
_MAX_DESCRIPTORS = 8


class ProtocolError(Exception):
    """The other side said something else than a message, or nothing more."""


def send(connection: socket.socket, message: dict[str, Any], descriptors: Sequence[int] = ()) -> None:
    """Send a message, and copies of these file descriptors with it."""
    content = json.dumps(message).encode()
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    connection.sendmsg([_LENGTH.pack(len(content))], ancillary)
    connection.sendall(content)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """The next message and the file descriptors that came with it, which are the caller's to close.

    Raises ProtocolError where there is none, TimeoutError where it does not come in the connection's time.
    """
    head, descriptors, _, _ = socket.recv_fds(connection, _LENGTH.size, _MAX_DESCRIPTORS)
    try:
        (length,) = _LENGTH.unpack(head + _exactly(connection, _LENGTH.size - len(head)) if head else b"")
        if length > _LIMIT:
            raise ProtocolError(f"a message of {length:,} bytes")
        message = json.loads(_exactly(connection, length))
        if not isinstance(message, dict):
            raise ProtocolError("no object")
    except (struct.error, ValueError) as error:
        _close(descriptors)
        raise ProtocolError(f"no message: {error}") from error
    except BaseException:
        _close(descriptors)
        raise
    return message, descriptors


def peer_user(connection: socket.socket) -> int:
    """The user id of the process at the other end, as the operating system knows it."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    return int(user)


def _exactly(connection: socket.socket, size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        piece = connection.recv(size - len(content))
        if not piece:
            raise ProtocolError("the connection was closed")
        content += piece
    return bytes(content)


def _close(descriptors: Sequence[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
