"""ForkedKernel: a kernel's process as jupyter_client knows processes, though it is another's child."""

import os
import select
import signal
import socket
from contextlib import suppress

from galley.kernels.warm import protocol


class ForkedKernel:
    """What jupyter_client's local provisioner uses of subprocess.Popen. The kernel lives as long as this does."""

    stdin = stdout = stderr = None

    def __init__(self, pid: int, pidfd: int, connection: socket.socket, lifeline: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._pidfd = pidfd
        self._connection = connection
        self._lifeline = lifeline

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        if self.returncode is None and self._ended(0):
            self._conclude()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once there is one. Raises TimeoutError."""
        if self.returncode is None:
            if not self._ended(timeout):
                raise TimeoutError(f"The kernel {self.pid} still runs.")
            self._conclude()
        return self.returncode or 0

    def send_signal(self, number: int) -> None:
        """Signal this very process, and never one that got its number later."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _ended(self, timeout: float | None) -> bool:
        poller = select.poll()
        poller.register(self._pidfd, select.POLLIN)
        return bool(poller.poll(None if timeout is None else timeout * 1000))

    def _conclude(self) -> None:
        self.returncode = self._exit_code()
        self._connection.close()
        os.close(self._pidfd)
        os.close(self._lifeline)

    def _exit_code(self) -> int:
        self._connection.settimeout(1)
        try:
            message, _ = protocol.receive(self._connection)
            return int(message["exit"])
        except (OSError, protocol.ProtocolError):
            return -signal.SIGKILL  # the server that would know is gone

    def __del__(self) -> None:
        if self.returncode is None:
            with suppress(OSError, AttributeError):
                os.close(self._lifeline)
                os.close(self._pidfd)
                self._connection.close()
