"""Execute: run one notebook as a stage. The one piece of code behind the operator and behind `galley execute`.

The thread that was called only waits, so that a timeout or a signal ends its wait at once and cleanly; the cells run
in a thread beside it. Whatever ends the run is written into the attempt before it is passed on.
"""

import json
import logging
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from nbclient.exceptions import CellTimeoutError
from nbformat import NotebookNode
from papermill.exceptions import PapermillException
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from galley import errors, handover
from galley.errors import (
    GalleyError,
    KernelNotFound,
    NotebookError,
    ResourceExhausted,
    StageFailed,
    StageKilled,
    Transient,
)
from galley.kernels.release import warn_of_another
from galley.kernels.user import KernelUser
from galley.notebooks.names import stage_of
from galley.notebooks.page import make_page
from galley.notebooks.parameters import Notebook
from galley.notebooks.stream import plain
from galley.run import attempts, provenance, published, resources
from galley.run.attempts import Attempts
from galley.run.cells import CellsThread, Client, Recorder
from galley.run.failure import is_good_end, shortened
from galley.run.kernel_user import kernel_user
from galley.settings import Settings
from galley.storage import files, lock

log = logging.getLogger(__name__)

_NOT_FOR_KERNELS = ("AIRFLOW_", "_AIRFLOW", "GALLEY_ALERT_URLS")
"""Environment variables that begin so stay out of kernels: they carry the scheduler's secrets, and reports are read."""
_LONGEST_FOLDER = 70
"""Bytes: a socket's address has 107, and what is made in the folder has a name too."""
_LOGGED_TRACEBACK = 20_000
"""Characters of a traceback in the task's log; an endless recursion has three thousand frames."""
_FORMER_SECONDS = 20.0
"""How long the page of the last attempt may take, where its own process did not make it."""
_LARGEST_METRICS = 100_000_000
"""Bytes of a day's metrics.json: each stage's conclusion has 48 kB at most."""
_NETWORK_ERRORS = {"ConnectionError", "ConnectionRefusedError", "ConnectionResetError", "ConnectTimeout", "ReadTimeout"}


def stage_name(notebook: Path, map_index: int | None = None) -> str:
    """What the runs of a notebook are called, as in 03_fit; those of a mapped task, one each, as in 03_fit.m0."""
    return notebook.stem + ("" if map_index in (None, -1) else f".m{map_index}")


@dataclass(frozen=True)
class StageRun:
    """What is asked for: a notebook, the values for its parameters, and where its record goes.

    `run` is who asks, as the record shows it: DAG, run id, task, try. `title` heads the report. Seconds for timeouts;
    `cell_timeout` None means that a cell may take any time. `git` is the state of the checkout, where a caller sees it.
    `environment` has variables for its kernel alone, which are neither recorded nor shown.
    """

    notebook: Path
    parameters: Mapping[str, Any]
    reports: Path
    name: str
    title: str
    kernel: str | None = None
    run: Mapping[str, Any] = field(default_factory=dict)
    start_timeout: int = 60
    cell_timeout: int | None = None
    git: Mapping[str, Any] | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Outcome:
    """A stage that completed: what it concluded, its accepted notebook and page, and the attempt's number."""

    conclusion: dict[str, Any] | None
    notebook: Path
    page: Path
    attempt: int


class Execution:
    """One run of a stage. `page` is the attempt's report as soon as there is one, on failure too."""

    def __init__(self, asked: StageRun, settings: Settings | None = None) -> None:
        self.asked = asked
        self.settings = settings or Settings.from_environment()
        self.attempts = Attempts(asked.reports, files.safe_name(asked.name))
        self.number: int | None = None
        self.page: Path | None = None
        self._told: StageKilled | None = None
        self._may_stop = False

    def run(self) -> Outcome:
        """Run it, record how it ended, and publish it if it completed.

        Raises an error of the tree in galley.errors. After a timeout or a kill, which are BaseExceptions raised where
        this waits, the record is made and the exception goes on.
        """
        notebook = Notebook.load(self.asked.notebook)
        began = time.monotonic()
        with self.attempts.exclusive() as right:
            node = load_notebook_node(notebook.node)
            node.metadata.galley = self._record(notebook)
            self.number = self.attempts.begin(node)
            try:
                self._may_stop = True
                self._stop_if_ended()
                self._finish_former()
                log.info("attempt %s of %s: %s", self.number, self.asked.title, self.attempts.path(self.number))
                message = self._run_cells(notebook, node)
                self._close(node, {"state": attempts.COMPLETED, "message": message}, began)
                right.confirm()
                self._stop_if_ended()
                self._may_stop = False
                accepted = self.attempts.publish(self.number)
            except BaseException as error:
                self._may_stop = False
                self._close(node, _end_of(error), began)
                raise
            conclusion = node.metadata.galley.conclusion
            self._keep(conclusion)
        return Outcome(conclusion, accepted, accepted.with_suffix(".html"), self.number)

    def kill(self) -> None:
        """From a signal handler: raise StageKilled where `run` is, once it has begun; one that publishes completes."""
        self._told = StageKilled(f"{self.asked.title} was stopped. Clear the task to run it again.")
        if self._may_stop:
            self._stop_if_ended()

    def _stop_if_ended(self) -> None:
        if self._told is not None:
            self._may_stop = False  # once: its end is recorded undisturbed
            raise self._told

    def _record(self, notebook: Notebook) -> dict[str, Any]:
        for repaired in notebook.repairs:
            log.warning("%s: %s", notebook.path.name, repaired)
        known = provenance.known_before(notebook, self.settings)
        known["source"].update(self.asked.git or {})
        return {
            "version": published.SINCE,
            "stage": self.asked.name,
            "run": dict(self.asked.run),
            "parameters": _as_record(self.asked.parameters),
            "started": provenance.now(),
            "end": {"state": attempts.RUNNING, "message": "This stage was running when this was written."},
            **known,
        }

    def _finish_former(self) -> None:
        """Do what the process of the last attempt was killed before, and of those before it that ended so too.

        That is: its page, and, if it was accepted, publishing the page and its numbers. Whatever is wrong with such an
        attempt, this run goes on.
        """
        for number in [number for number in reversed(self.attempts.numbers()) if number != self.number]:
            try:
                if not self._finish(number):
                    return
            except StageKilled:
                raise
            except Exception:
                log.warning("attempt %s of %s is left as it is", number, self.asked.title, exc_info=True)

    def _finish(self, number: int) -> bool:
        """Whether the one before it may need the same: that one was not looked at by an attempt that was cut short."""
        node = self.attempts.read(number)
        if node is not None and not self.attempts.path(number).with_suffix(".html").exists():
            self.attempts.save_page(
                number, make_page(node, self.asked.title, self.asked.notebook.parent, _FORMER_SECONDS)
            )
        if not self.attempts.is_accepted(number):
            return node is None or node.metadata.galley.end.state == attempts.INTERRUPTED
        self.attempts.publish(number)
        if node is not None:
            self._keep(node.metadata.galley.conclusion)
        return False

    def _run_cells(self, notebook: Notebook, node: NotebookNode) -> str:
        """Check, parameterize and run; returns what is to be said of a run that completed, if anything.

        `node` is changed in place, so that it shows whatever was reached.
        """
        values = notebook.bind(self.asked.parameters)
        resources.allow_open_files()
        kernel = find_kernel(self.asked.kernel or notebook.kernel_name)
        record = node.metadata.galley
        record.parameters = _as_record({**notebook.defaults, **values})
        record.kernel = {"name": kernel}
        if values:
            node.cells = _parameterized(notebook, node, values, kernel).cells
            node.metadata.papermill.parameters = _as_record(values)
        user = kernel_user(self.settings, kernel, self.asked.reports)
        recorder = Recorder(node, self.attempts, self.number or 0)
        recorder.notebook_start()
        with TemporaryDirectory(prefix="galley-", dir=_folder_for_sockets(), ignore_cleanup_errors=True) as sockets:
            client = Client(
                recorder,
                Path(sockets),
                user,
                kernel_name=kernel,
                startup_timeout=self.asked.start_timeout,
                timeout=self.asked.cell_timeout,
            )
            CellsThread(client, cwd=str(notebook.path.parent), env=self._kernel_environment(user)).run()
        record.kernel.update({"python": node.metadata.get("language_info", {}).get("version")})
        if recorder.failed_cell is None or recorder.failure is None:
            return ""
        if not is_good_end(recorder.failure):
            raise _failure(recorder.failure, recorder.failed_cell, self.asked.title)
        node.cells[recorder.failed_cell].metadata.papermill.update(status=Recorder.COMPLETED, exception=False)
        return f"Cell {recorder.failed_cell + 1} ended the notebook with sys.exit(0); the cells below it did not run."

    def _kernel_environment(self, user: KernelUser | None) -> dict[str, str]:
        """The process's own, without the scheduler's secrets, then what is asked for, and what the stage is about."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_FOR_KERNELS)}
        about = {
            "GALLEY_MODEL": self.settings.model_name,
            handover.RECORD: str(self.attempts.accepted),
            handover.RUN: json.dumps(dict(self.asked.run)),
        }
        environment = {**kept, **self.asked.environment, **about}
        return user.environment(environment) if user else environment

    def _close(self, node: NotebookNode, end: dict[str, Any], began: float) -> None:
        """Write the end into the attempt and render it. What cannot be written leaves the attempt without an end."""
        if end["state"] != attempts.COMPLETED:
            end["cell"] = _cell_that_ended_it(node)
        record = node.metadata.galley
        record.update(provenance.stated(node))
        warn_of_another(record)
        record.update({"ended": provenance.now(), "seconds": round(time.monotonic() - began, 3), "end": end})
        record.record_sha256 = provenance.record_digest(node)
        if self.number is not None:
            self.attempts.save(self.number, node)
            self.page = self.attempts.save_page(
                self.number, make_page(node, self.asked.title, self.asked.notebook.parent)
            )
            log.info("%s: %s. Report: %s", self.asked.title, end["state"], self.page)

    def _keep(self, conclusion: dict[str, Any] | None) -> None:
        """Copy what was concluded into the day's metrics.json, under the stage's name."""
        target = self.asked.reports / "metrics.json"
        with lock.locked(target):
            known = json.loads(files.read_regular(target, _LARGEST_METRICS)) if target.is_file() else {}
            now = {**known, stage_of(self.attempts.name): conclusion}
            if now != known:
                files.write_json(target, now)


def find_kernel(name: str | None) -> str:
    """The name of a kernel that can be started. Raises KernelNotFound, with those there are."""
    manager = KernelSpecManager()
    there = manager.find_kernel_specs()
    if name is None:
        raise NotebookError(f"The notebook names no kernel. Give kernel_name, one of {', '.join(sorted(there))}.")
    if name not in there:
        raise KernelNotFound(
            f"There is no kernel {name!r}. Use one of {', '.join(sorted(there)) or 'none'}, or add its kernelspec to a "
            "folder on JUPYTER_PATH."
        )
    program = manager.get_kernel_spec(name).argv[0]
    if shutil.which(program) is None:
        raise KernelNotFound(
            f"The kernel {name!r} is to be started by {program}, which is not there. Make its environment again, or "
            f"fix {there[name]}/kernel.json."
        )
    return name


def _folder_for_sockets() -> str:
    """Where temporary files go, unless its path is longer than the address of a Unix socket can be."""
    usual = gettempdir()
    return usual if len(os.fsencode(usual)) < _LONGEST_FOLDER else "/tmp"  # noqa: S108 - a folder of its own in it


def _as_record(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as plain JSON; a value that is not, and will be refused, as Python shows it."""
    plain = {}
    for name, value in values.items():
        try:
            plain[name] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError):
            plain[name] = repr(value)
    return plain


def _parameterized(notebook: Notebook, node: NotebookNode, values: dict[str, Any], kernel: str) -> NotebookNode:
    try:
        parameterized: NotebookNode = parameterize_notebook(
            node, values, kernel_name=kernel, language=notebook.language
        )
    except PapermillException as error:
        raise NotebookError(
            f"{notebook.path} is in {notebook.language}, into which papermill cannot put parameters ({error}). "
            "Give it none, or write it in a language that papermill knows."
        ) from error
    return parameterized


def _status(cell: NotebookNode) -> str | None:
    status: str | None = cell.metadata.get("papermill", {}).get("status")
    return status


def _cell_that_ended_it(node: NotebookNode) -> int | None:
    """The cell that failed, or the one that was cut off, which is marked so; None if none was reached."""
    for index, cell in enumerate(node.cells):
        if _status(cell) == Recorder.RUNNING:
            cell.metadata.papermill.status = "cut off"
            return index
        if _status(cell) == Recorder.FAILED:
            return index
    return None


def _end_of(error: BaseException) -> dict[str, Any]:
    """How a run ended that did not complete."""
    # By name: Airflow's AirflowTaskTimeout is a BaseException, and this module does not know Airflow.
    if isinstance(error, StageKilled):
        state = attempts.KILLED
    elif isinstance(error, CellTimeoutError) or "Timeout" in type(error).__name__:
        state = attempts.TIMED_OUT
    elif not isinstance(error, Exception):
        state = attempts.KILLED
    elif isinstance(error, (NotebookError, KernelNotFound)):
        state = attempts.REFUSED
    else:
        state = attempts.FAILED
    return {"state": state, "message": f"{type(error).__name__}: {error}".strip(": ")}


def _failure(output: NotebookNode, index: int, title: str) -> GalleyError:
    """The error of a failed cell, of the class in galley's tree that it says it is; its traceback goes to the log."""
    traceback = shortened(plain("\n".join(output.traceback)), _LOGGED_TRACEBACK)
    log.error("cell %s of %s failed:\n%s", index + 1, title, traceback)
    where = f"(cell {index + 1} of {title})"
    known = errors.named(output.ename)
    if known:
        own, _, _ = output.ename.partition(" (")
        return known(f"{output.evalue} {where}" if own == known.__name__ else f"{own}: {output.evalue} {where}")
    lacking = resources.missing(output.ename, output.evalue)
    if lacking is not None:
        return ResourceExhausted(f"{output.ename}: {output.evalue} {where}. {resources.advice(lacking)}")
    kind = Transient if output.ename in _NETWORK_ERRORS else StageFailed
    return kind(f"{output.ename}: {output.evalue} {where}")
