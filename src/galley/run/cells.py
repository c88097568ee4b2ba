"""Cells: a notebook's cells run in a kernel, with what they print bounded and each cell's end kept as it happens."""

import json
import logging
import os
import signal
import threading
import time
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any

from jupyter_core.utils import ensure_event_loop, run_sync
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_output
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NotebookExecutionManager

from galley.errors import RecordLost, SettingsError, StageFailed, StageInterrupted, StorageUnavailable
from galley.kernels import options as kernel_options
from galley.kernels.client import PromptClient
from galley.kernels.keeper import kill_below
from galley.kernels.release import require_application
from galley.kernels.user import KernelUser
from galley.kernels.warm.forked import ForkedKernel
from galley.kernels.warm.lifeline import DieWithParent
from galley.notebooks.stream import collapse, last_state
from galley.run import failure, resources
from galley.run.attempts import Attempts
from galley.run.prints import Prints
from galley.run.statements import DEPTH_LIMIT, depth_exceeds
from galley.stage import MIME_TYPE

log = logging.getLogger(__name__)

TEXT_LIMIT = 1_000_000
"""Characters that one cell may print before the rest is left out, with a note."""
DATA_LIMIT = 10_000_000
"""Characters of one display output, beyond which it is left out, with a note."""
CELL_LIMIT = 3 * DATA_LIMIT
"""Characters of all display outputs of a cell, beyond which further ones are left out, with a note."""
_OUTPUT_COST = 500
"""What an output counts for beside its content, so that a million empty ones are too many."""
_WRITTEN_OVER = 10_000
"""Characters of what was printed within which what follows may be written over the last line."""
_OUTPUTS = ("stream", "display_data", "execute_result", "update_display_data", "error")
_DEATH_GRACE = 3.0
"""Seconds that the thread of a killed kernel gets to notice. Airflow follows SIGTERM by SIGKILL after five."""
_SIGNAL_DELAY = 0.25
"""Seconds that a timeout or a signal may come late."""
_OUTPUT_DELAY = 60
"""Seconds that a cell's output may take to come in after the cell has ended. Four, as is usual, are too few for much of
it on a busy machine, and the run would be said to have timed out."""
_IDLE_DELAY = 0.2
"""Seconds in which a kernel that has answered is idle."""
_SAVING_SHARE = 10
"""A cell's start or end is not saved before this many times the last save's duration passed, so that saving a large
notebook costs a tenth of the run at most."""


class Recorder(NotebookExecutionManager):  # type: ignore[misc] # papermill is untyped
    """papermill's record of a run, saved into the attempt, that says "completed" of nothing that was not."""

    def __init__(self, node: NotebookNode, attempts: Attempts, number: int) -> None:
        super().__init__(node, progress_bar=False)
        self.failed_cell: int | None = None
        self.failure: NotebookNode | None = None
        self._attempts = attempts
        self._number = number
        self._next_save = 0.0
        self._closed = False
        self._unsaved = False

    def save(self, **_: Any) -> None:
        """Keep the notebook as it stands; a moment later, if it was kept a moment ago."""
        began = time.monotonic()
        self._unsaved = True
        if began < self._next_save or self._closed:
            return
        self._unsaved = False
        self._attempts.save(self._number, self.nb)
        ended = time.monotonic()
        self._next_save = ended + _SAVING_SHARE * (ended - began)

    def catch_up(self) -> None:
        """Save what had to wait, so that a long cell is seen to run. Where that fails, the next save says so."""
        if self._unsaved:
            with suppress(RecordLost, StorageUnavailable):
                self.save()

    def kernel_started(self, how: str) -> None:
        """Note how the kernel was started, in the record of the run."""
        self.nb.metadata.galley.kernel["start"] = how

    def close(self) -> None:
        """Save no more: what is written from here on says how the run ended, even if a thread is left behind."""
        self._closed = True

    def cell_exception(self, cell: NotebookNode, cell_index: int | None = None, **kwargs: Any) -> None:
        """Note which cell failed, and with what."""
        super().cell_exception(cell, cell_index=cell_index, **kwargs)
        self.failed_cell = cell_index
        self.failure = failure.error_of(cell, kwargs["exception"])

    def cell_complete(self, cell: NotebookNode, cell_index: int | None = None, **kwargs: Any) -> None:
        """Note a cell's end and say so in the log."""
        super().cell_complete(cell, cell_index=cell_index, **kwargs)
        timing = cell.metadata.papermill
        is_left = self.failure is not None and failure.is_good_end(self.failure)
        status = "ended the notebook" if is_left else timing.status
        if cell.cell_type == "code":
            log.info("cell %s of %s %s in %.2f s", (cell_index or 0) + 1, len(self.nb.cells), status, timing.duration)


class Client(PapermillNotebookClient):  # type: ignore[misc] # papermill is untyped
    """papermill's client, stopping at the first cell that fails and bounded in what it keeps of outputs."""

    def __init__(self, recorder: Recorder, sockets: Path, user: KernelUser | None = None, **options: Any) -> None:
        super().__init__(recorder, shell_timeout_interval=1, iopub_timeout=_OUTPUT_DELAY, **options)
        self._sockets = sockets
        self.user = user
        self.argv: list[str] = []
        """What its kernel is started by, from then on."""
        self._printed = self._shown = self._left_out = 0
        self._prints = Prints(0)

    def create_kernel_manager(self) -> Any:
        """A kernel reached through Unix sockets: nobody else can connect, and parallel starts cannot take one port."""
        manager = super().create_kernel_manager()
        manager.transport = "ipc"
        manager.client_factory = PromptClient
        manager.connection_file = str(self._sockets / "kernel.json")
        manager.ip = str(self._sockets / "kernel")
        if self.user is not None:
            manager.write_connection_file()
            self.user.give(self._sockets / "kernel.json", self._sockets)
        return manager

    def start_new_kernel(self, **options: Any) -> None:
        """Start it with what holds for each kernel of a stage."""
        spec = self.km.kernel_spec
        self.argv = spec.argv
        self.extra_arguments: list[str] = kernel_options.arguments(spec)
        super().start_new_kernel(**{**options, "env": kernel_options.environment(spec, options["env"])})
        if self.user is not None and not self.user.runs(self.km.provisioner.pid):
            raise SettingsError(
                f"The kernel {self.kernel_name!r} does not run as {self.user.name}, because its kernelspec has it "
                "started in another way. Use a kernelspec without a provisioner of its own, or unset "
                "GALLEY_KERNEL_USER."
            )

    def wait_for_reply(self, msg_id: str, cell: NotebookNode | None = None) -> Any:
        """The answer to what papermill asks at the end, once the kernel is idle.

        It is interrupted then, before it is shut down, and would call that an error on the task's log while it is busy.
        """
        reply = super().wait_for_reply(msg_id, cell)
        run_sync(self.kc.is_idle_after)(msg_id, _IDLE_DELAY)
        return reply

    async def _async_check_alive(self) -> None:
        self.nb_man.catch_up()  # nbclient comes here once a second while a cell runs
        await super()._async_check_alive()

    def papermill_execute_cells(self) -> None:
        """Run the cells in order. A cell that is cut off keeps the status "running" for its end to be stated."""
        is_forked = isinstance(self.km.provisioner.process, ForkedKernel)
        self.nb_man.kernel_started("forked" if is_forked else "cold")
        for index, cell in enumerate(self.nb.cells):
            self._printed = self._shown = self._left_out = 0
            self._prints = Prints(index + 1)
            self.nb_man.cell_start(cell, index)
            try:
                self.execute_cell(cell, index)
            except CellExecutionError as error:
                self.nb_man.cell_exception(cell, cell_index=index, exception=error)
            finally:
                self._prints.end()
                self._tidy(cell)
            self.nb_man.cell_complete(cell, cell_index=index)
            if self.nb_man.failed_cell is not None:
                return

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> Any:
        """Take what the kernel sends, within the limits."""
        kind, content = msg["msg_type"], msg["content"]
        is_cleared = not content.get("wait") if kind == "clear_output" else self.clear_before_next_output
        if is_cleared:
            self._printed = self._shown = self._left_out = 0
        if kind == "stream":
            content["text"] = collapse(content["text"])
        if kind in _OUTPUTS and not self._bound(kind, content):
            return None
        if kind == "stream":
            self._prints.take(content["name"], content["text"])
        output = super().process_message(msg, cell, cell_index)
        if kind == "stream":
            self._write_over(cell)
        return output

    def _write_over(self, cell: NotebookNode) -> None:
        """Let what was just printed take the place of the line that it is written over, as a progress bar is."""
        if len(cell.outputs) < 2:
            return
        former, last = cell.outputs[-2:]
        if former.get("name") != last.name or len(former.text) > _WRITTEN_OVER or "\r" not in former.text + last.text:
            return
        text = former.text + last.text
        former.text = collapse(text)
        self._printed -= len(text) - len(former.text)
        cell.outputs.pop()

    def _bound(self, kind: str, content: dict[str, Any]) -> bool:
        """Cut an output to what there is room for; False if there is none."""
        if kind == "stream":
            room = max(TEXT_LIMIT - self._printed, 0)
            self._printed += len(content["text"])
            content["text"] = content["text"][:room]
            return room > 0
        if kind == "error":
            content["evalue"] = content["evalue"][: failure.MESSAGE_LIMIT]
            content["traceback"] = failure.shortened("\n".join(content["traceback"]), TEXT_LIMIT).split("\n")
            return True
        data = _shallow(content)
        size = _OUTPUT_COST + sum(
            len(part) if isinstance(part, str) else len(json.dumps(part)) for part in data.values()
        )
        if size > DATA_LIMIT:
            content["data"] = {"text/plain": f"[galley left out {size:,} characters of {', '.join(data)}]"}
            size = _OUTPUT_COST
        if kind == "update_display_data" or MIME_TYPE in data:  # takes an old one's place; or is a stage's statement
            return True
        if self._shown + size > CELL_LIMIT:
            self._left_out += 1
            return False
        self._shown += size
        return True

    def _tidy(self, cell: NotebookNode) -> None:
        """Join what was printed in one go but arrived in pieces, and say what was left out."""
        if cell.cell_type != "code":
            return
        over = self._printed - TEXT_LIMIT
        for count, what in ((over, "characters"), (self._left_out, "outputs")):
            if count > 0:
                note = f"[galley left out {count:,} more {what}]\n"
                cell.outputs.append(new_output("stream", name="stderr", text=note))
        joined: list[NotebookNode] = []
        for name, group in groupby(cell.outputs, key=lambda output: output.get("name")):
            pieces = list(group)
            if name is not None:
                text = last_state("".join(piece.text for piece in pieces))
                pieces = [new_output("stream", name=name, text=text)]
            joined.extend(pieces)
        cell.outputs = joined


def _shallow(content: dict[str, Any]) -> dict[str, Any]:
    """The data of an output, each type whose JSON is nested too deep replaced: what keeps notebooks could not keep it.

    A statement of a stage stays one, so that it is found wanting.
    """
    data: dict[str, Any] = content.get("data", {})
    for kind in [kind for kind, part in data.items() if depth_exceeds(part)]:
        note = f"[galley left out {kind}: its JSON is nested more than {DEPTH_LIMIT} levels deep]"
        data[kind if kind == MIME_TYPE else "text/plain"] = note
        if kind != MIME_TYPE:
            del data[kind]
    if depth_exceeds(content.get("metadata")):
        content["metadata"] = {}
    return data


class CellsThread:
    """The thread that runs the cells, so that the one that waits for it can be interrupted cleanly at any moment."""

    def __init__(self, client: Client, **kernel_options: Any) -> None:
        self._client = client
        self._options = kernel_options
        self._error: BaseException | None = None
        self._group: int | None = None
        self.waiting = False
        self._kills = resources.memory_kills()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._execute, name="cells", daemon=True)

    def run(self) -> None:
        """Run to the end and raise what the client raised. No kernel is left when this returns or raises.

        A kernel that dies, or does not start in time, is a StageInterrupted; an OutOfMemory, if it was killed for that;
        a KernelNotFound, if its environment has no galley to start it with.
        """
        try:
            self._thread.start()
            self.waiting = True
            # In slices: a signal that comes just before a wait is not handled until that wait is over. And not by
            # join(), which takes a thread for ended when a signal interrupts it.
            while not self._ended.wait(_SIGNAL_DELAY):
                pass
        finally:
            self.waiting = False
            self._kill()
            self._client.nb_man.close()
        if isinstance(self._error, DeadKernelError) or (
            isinstance(self._error, RuntimeError) and not self._client.code_cells_executed
        ):
            if resources.memory_limit() and resources.memory_kills() > self._kills:
                raise resources.out_of_memory(self._client.kernel_name) from self._error
            if not self._client.code_cells_executed:
                require_application(self._client.kernel_name, self._client.argv, self._options["env"])
            raise StageInterrupted(
                f"The kernel {self._client.kernel_name!r} died or did not start ({self._error}). Run it again; if it "
                "happens each time, look for a library that crashes, or memory that runs out: "
                f"{resources.memory_limits()}."
            ) from self._error
        if isinstance(self._error, CellTimeoutError) and "IOPub" in str(self._error):
            raise RecordLost(
                "A cell ended, and what it said did not all arrive: more small outputs came at once than a kernel can "
                "send. Print less often, or show fewer outputs, in the cell that is marked."
            ) from self._error
        if isinstance(self._error, RecursionError):
            raise StageFailed(
                "A cell sent an output whose JSON is nested too deep to be read. Show less of it in the cell that is "
                "marked."
            ) from self._error
        if self._error is not None:
            raise self._error

    def _execute(self) -> None:
        try:
            self._client.execute(preexec_fn=DieWithParent(self._client.user), **self._options)
        except BaseException as error:  # it is raised where run() waits
            self._error = error
        finally:
            ensure_event_loop().close()  # of this thread, made for it: its files are open until then
            self._ended.set()

    def _kill(self) -> None:
        """Kill the kernel and all that it has started, again and again while the thread may still be starting one."""
        deadline = time.monotonic() + _DEATH_GRACE
        while True:
            provisioner = getattr(self._client.km, "provisioner", None)
            self._group = getattr(provisioner, "pgid", None) or self._group
            # What it has started first, the kernel itself too where it has a keeper, which ends what is left then.
            if self._group and not kill_below(self._group):
                with suppress(ProcessLookupError):
                    os.killpg(self._group, signal.SIGKILL)
            if self._ended.wait(0.05) or time.monotonic() > deadline:
                return
