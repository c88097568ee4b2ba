"""Kernel client: jupyter_client's own, prompt at the start and with room for many outputs."""

import time
from contextlib import suppress
from queue import Empty
from typing import Any

import zmq.asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient
from traitlets import default

_RECONNECT = 10
"""Milliseconds after which a socket that its kernel has not opened yet is tried again; ZeroMQ would wait 100."""

_MESSAGES_HELD = 100_000
"""Messages of a kernel that may wait to be taken; beyond a thousand, as is usual, outputs are lost without a word."""
_HEARING = 0.02
"""Seconds after an answer in which iopub should have reported it; twice as long at each further try."""


class PromptClient(AsyncKernelClient):
    """Knows a kernel to be ready by what it says, and not by its silence for 0.2 s; loses none of many outputs."""

    @default("context")
    def _context_default(self) -> zmq.asyncio.Context:
        self._created_context = True
        context = zmq.asyncio.Context()
        context.setsockopt(zmq.RECONNECT_IVL, _RECONNECT)
        context.setsockopt(zmq.RCVHWM, _MESSAGES_HELD)
        return context

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait until the kernel has answered on the shell channel and has reported it on iopub.

        What is said on iopub from then on is heard. Raises RuntimeError where the kernel dies or `timeout` passes.
        """
        deadline = time.monotonic() + (float("inf") if timeout is None else timeout)
        hearing = _HEARING
        while not await self._answers(hearing):
            if not await self.is_alive():
                raise RuntimeError("Kernel died before replying to kernel_info")
            if time.monotonic() > deadline:
                raise RuntimeError(f"Kernel didn't respond in {timeout:g} seconds")
            hearing *= 2

    async def _answers(self, hearing: float) -> bool:
        """Ask once. Where the shell channel answers and iopub is silent, it was not connected in time."""
        asked = self.kernel_info()
        try:
            while (reply := await self.get_shell_msg(timeout=1))["parent_header"].get("msg_id") != asked:
                pass
        except Empty:
            return False
        self._handle_kernel_info_reply(reply)
        return await self.is_idle_after(asked, hearing)

    async def is_idle_after(self, asked: str, timeout: float) -> bool:
        """Wait until the kernel is done with a request, or nothing comes for that long; returns which."""
        with suppress(Empty):
            while not _is_end_of(await self.get_iopub_msg(timeout=timeout), asked):
                pass
            return True
        return False


def _is_end_of(message: dict[str, Any], asked: str) -> bool:
    is_answer = message["parent_header"].get("msg_id") == asked and message["msg_type"] == "status"
    return is_answer and bool(message["content"]["execution_state"] == "idle")
