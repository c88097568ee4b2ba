"""However a run ends, its record says so: in the notebook, on the page, and to whoever called."""

import json
import logging
import os
import signal
import threading
import time
import venv

import nbformat
import psutil
import pytest
from desk_of_stages import code, end_of, read
from nbclient.exceptions import CellTimeoutError

import galley
from galley.days import Day
from galley.errors import (
    ContractBreach,
    KernelNotFound,
    MissingInput,
    NotebookError,
    ParameterError,
    StageBusy,
    StageFailed,
    StageInterrupted,
    StageKilled,
    Transient,
)
from galley.kernels.kernelspec import write_kernelspec
from galley.proof.verify import verify
from galley.run import execute

pytestmark = pytest.mark.usefixtures("kind_of_kernel")

CONCLUDES = "from galley.stage import Stage\nstage = Stage(ds)\nstage.conclude(rows=3, größe='日本')"
WAITS = "import time\ntime.sleep(60)"
PRINTS_FOR_EVER = "while True:\n    print('x' * 50)"


class AirflowTaskTimeout(BaseException):
    """Named as Airflow's, which is all that galley knows of it."""


def fail(desk, error, *cells, **options):
    """Run a stage that raises `error`; returns the error, its execution, and the end that the attempt records."""
    execution = desk.execution(*cells, **options)
    with pytest.raises(error) as raised:
        execution.run()
    page = execution.page.read_text()
    end = end_of(desk.attempts().path(desk.attempts().numbers()[-1]))
    assert f'<p class="state">{end["state"]}</p>' in page
    assert '<p class="state">completed' not in page
    return raised.value, execution, end


def test_a_run_that_completes_is_accepted_and_hands_over_what_it_concluded(desk, caplog):
    with caplog.at_level(logging.INFO):
        outcome = desk.run(CONCLUDES)
    assert outcome.conclusion == {"rows": 3, "größe": "日本"}
    assert json.loads((desk.reports / "metrics.json").read_text()) == {"stage": outcome.conclusion}
    assert end_of(outcome.notebook) == {"state": "completed", "message": ""}
    assert '<p class="state">completed</p>' in outcome.page.read_text()
    assert verify(Day.of("2026-11-23", desk.settings)) == []
    assert [record.message for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_the_record_says_where_the_run_came_from(desk):
    outcome = desk.run(CONCLUDES, run={"dag_id": "dag", "run_id": "manual__1", "try_number": 2})
    record = read(outcome.notebook).metadata.galley
    assert record.run.items() >= {"dag_id": "dag", "run_id": "manual__1", "try_number": 2}.items()
    assert record.parameters == {"ds": "2026-11-23"}
    assert record.kernel["name"] == "data"
    assert record.kernel["python"].startswith("3.")
    assert record.source["path"] == "notebooks/01_stage.ipynb"
    assert record.host
    assert record.started < record.ended
    assert all(cell.metadata.papermill.duration >= 0 for cell in read(outcome.notebook).cells)


def test_every_attempt_is_kept_and_a_failed_one_leaves_the_accepted_run_alone(desk):
    accepted = desk.run(CONCLUDES)
    before = accepted.notebook.read_bytes(), accepted.page.read_bytes()
    fail(desk, StageFailed, "1 / 0")
    assert (accepted.notebook.read_bytes(), accepted.page.read_bytes()) == before
    again = desk.run(CONCLUDES)
    attempts = desk.attempts()
    assert [end_of(attempts.path(n))["state"] for n in attempts.numbers()] == ["completed", "failed", "completed"]
    assert attempts.path(1).read_bytes() == before[0]
    assert again.notebook.read_bytes() == attempts.path(3).read_bytes()
    assert all(attempts.path(n).with_suffix(".html").is_file() for n in (1, 2, 3))


def test_a_cell_that_raises_is_named_with_its_error_and_linked(desk, caplog):
    with caplog.at_level(logging.INFO):
        error, execution, end = fail(desk, StageFailed, "x = 0", "1 / x", "print('never')")
    assert str(error) == "ZeroDivisionError: division by zero (cell 4 of dag · stage)"
    assert end == {"state": "failed", "message": f"StageFailed: {error}", "cell": 3}
    page = execution.page.read_text()
    assert '<a href="#cell-4">' in page
    assert 'class="cell code failed" id="cell-4"' in page
    assert "\x1b" not in page
    assert not desk.attempts().accepted.exists()
    logged = [record.message for record in caplog.records if "Traceback" in record.message]
    assert len(logged) == 1
    assert "\x1b" not in logged[0]
    assert str(execution.page) in caplog.text
    statuses = [c.metadata.papermill.status for c in read(desk.attempts().path(1)).cells]
    assert statuses == ["completed", "completed", "completed", "failed", "pending"]


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("from galley.errors import ContractBreach\nraise ContractBreach('no column x')", ContractBreach),
        ("from galley.stage import Stage\ns = Stage(ds)\ns.read(s.day.raw / 'data.csv')", MissingInput),
        ("raise ConnectionRefusedError('nobody there')", Transient),
        ("import sys\nsys.exit(3)", StageFailed),
        ("input('name? ')", StageFailed),
        ("raise KeyboardInterrupt", StageFailed),
        ("%load_ext no_such_extension\n%no_such_magic", StageFailed),
        ("x = ", StageFailed),
        ("raise ValueError('größer als 日本 \\N{PARTY POPPER} \\ud800' + '!' * 100_000)", StageFailed),
    ],
    ids=["breach", "missing", "network", "exit", "input", "interrupt", "magic", "syntax", "long"],
)
def test_an_error_in_a_cell_comes_out_as_what_it_is(desk, cell, error):
    raised, _, end = fail(desk, error, cell)
    assert end["state"] == "failed"
    assert end["cell"] == 2
    assert len(str(raised)) < 20_000


def test_wrong_parameters_are_recorded_as_refused_and_start_no_kernel(desk):
    error, _, end = fail(desk, ParameterError, CONCLUDES, parameters={"ds": "2026-11-23", "rowz": 1})
    assert end == {"state": "refused", "message": f"ParameterError: {error}", "cell": None}
    assert read(desk.attempts().path(1)).cells[1].execution_count is None


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}], ids=["object", "nan", "set"])
def test_a_parameter_that_no_record_can_hold_is_refused_with_a_record_all_the_same(desk, value):
    _, _, end = fail(desk, ParameterError, CONCLUDES, parameters={"ds": value})
    assert end["state"] == "refused"
    assert read(desk.attempts().path(1)).metadata.galley.parameters == {"ds": repr(value)}


def test_a_dict_with_keys_of_several_kinds_reaches_the_notebook_and_the_record(desk):
    declared = code("ds: str = None  # the day\nsizes: dict = {}  # by name or number", "parameters")
    path = desk.write("assert sizes == {'1': 'a', 'b': 2}")
    node = read(path)
    node.cells[0] = declared
    nbformat.write(node, path)
    given = {"ds": "2026-11-23", "sizes": "{1: 'a', 'b': 2}"}
    outcome = desk.execution_of(path, parameters=given).run()
    assert read(outcome.notebook).metadata.galley.parameters["sizes"] == {"1": "a", "b": 2}


def test_a_kernel_that_there_is_not_is_refused_with_those_there_are(desk):
    error, _, end = fail(desk, KernelNotFound, CONCLUDES, kernel="julia-1.6")
    assert "'julia-1.6'. Use one of data, " in str(error)
    assert end["state"] == "refused"


@pytest.mark.local_runner
def test_a_kernel_whose_program_is_gone_is_refused(desk, monkeypatch):
    folder = desk.home / "jupyter/kernels/gone"
    folder.mkdir(parents=True)
    spec = {"argv": ["/no/such/python", "-f", "{connection_file}"], "display_name": "gone", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", f"{desk.home / 'jupyter'}:{os.environ['JUPYTER_PATH']}")
    error, _, end = fail(desk, KernelNotFound, CONCLUDES, kernel="gone")
    assert "/no/such/python, which is not there" in str(error)
    assert end["state"] == "refused"


@pytest.mark.local_runner
def test_a_kernel_whose_environment_has_no_galley_is_refused_with_what_to_install(desk, monkeypatch):
    venv.create(desk.home / "bare", symlinks=True)
    write_kernelspec("bare", desk.home / "bare/bin/python", desk.home / "jupyter")
    monkeypatch.setenv("JUPYTER_PATH", f"{desk.home / 'jupyter'}:{os.environ['JUPYTER_PATH']}")
    error, _, end = fail(desk, KernelNotFound, CONCLUDES, kernel="bare")
    assert "cannot start: ModuleNotFoundError: No module named 'galley'" in str(error)
    assert f"bare/bin/python -m pip install 'airflow-galley[kernel]=={galley.__version__}'" in str(error)
    assert end["state"] == "refused"


@pytest.mark.local_runner
def test_a_stage_of_another_release_of_galley_is_run_and_the_log_says_which(desk, caplog):
    (desk.home / "newer/airflow_galley-99.1.dist-info").mkdir(parents=True)
    cell = f"import sys\nsys.path.insert(0, {str(desk.home / 'newer')!r})\nfrom galley import Stage\nStage(ds)"
    desk.run(cell)
    assert f"The kernel 'data' has airflow-galley 99.1, and this process {galley.__version__}" in caplog.text


@pytest.mark.local_runner
def test_a_kernel_that_does_not_start_is_worth_another_try(desk, monkeypatch):
    folder = desk.home / "jupyter/kernels/mute"
    folder.mkdir(parents=True)
    spec = {"argv": ["sleep", "60"], "display_name": "mute", "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", f"{desk.home / 'jupyter'}:{os.environ['JUPYTER_PATH']}")
    before = set(psutil.Process().children())
    _, _, end = fail(desk, StageInterrupted, CONCLUDES, kernel="mute", start_timeout=1)
    assert end["state"] == "failed"
    left = set(psutil.Process().children()) - before
    assert [process.name() for process in left if process.status() != psutil.STATUS_ZOMBIE] == []


@pytest.mark.parametrize(
    "cell", ["import os\nprint('here')\nos.kill(os.getpid(), 9)", "import os\nos._exit(0)"], ids=["killed", "left"]
)
def test_a_kernel_that_dies_is_worth_another_try_and_the_cell_is_named(desk, cell):
    _, _, end = fail(desk, StageInterrupted, "x = 1", cell)
    assert end["state"] == "failed"
    assert end["cell"] == 3
    assert read(desk.attempts().path(1)).cells[3].metadata.papermill.status == "cut off"


@pytest.mark.local_runner
def test_a_cell_that_takes_too_long_is_timed_out(desk):
    _, _, end = fail(desk, CellTimeoutError, "x = 1", WAITS, cell_timeout=1)
    assert (end["state"], end["cell"]) == ("timed out", 3)


def raise_after(seconds, error):
    on_alarm(error)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def on_alarm(error):
    def raise_it(*_):
        raise error

    signal.signal(signal.SIGALRM, raise_it)


def send_once_it_waits(desk, number, attempt=1):
    """Send this process a signal once the last cell of an attempt is said to run."""

    def watch():
        path = desk.attempts().path(attempt)
        while not (path.is_file() and read(path).cells[-1].metadata.get("papermill", {}).get("status") == "running"):
            time.sleep(0.05)
        os.kill(os.getpid(), number)

    threading.Thread(target=watch, daemon=True).start()


@pytest.mark.parametrize("cell", [WAITS, PRINTS_FOR_EVER], ids=["silent", "printing"])
def test_a_task_that_runs_into_its_timeout_is_timed_out_and_never_completed(desk, cell):
    accepted = desk.run(CONCLUDES)
    before = accepted.notebook.read_bytes()
    on_alarm(AirflowTaskTimeout("Timeout, PID: 1"))
    send_once_it_waits(desk, signal.SIGALRM, attempt=2)
    _, _, end = fail(desk, AirflowTaskTimeout, CONCLUDES, cell)
    assert end == {"state": "timed out", "message": "AirflowTaskTimeout: Timeout, PID: 1", "cell": 3}
    node = read(desk.attempts().path(2))
    assert node.cells[3].metadata.papermill.status == "cut off"
    assert node.metadata.galley.conclusion == {"rows": 3, "größe": "日本"}
    assert accepted.notebook.read_bytes() == before
    assert desk.kernels() == []


def test_a_timeout_at_any_moment_while_the_kernel_starts_leaves_no_kernel(desk):
    execution = desk.execution(WAITS)
    for hundredths in range(1, 60, 10):
        raise_after(hundredths / 100, AirflowTaskTimeout("Timeout"))
        with pytest.raises(AirflowTaskTimeout):
            execution.run()
        assert desk.kernels() == []
    attempts = desk.attempts()
    ends = {end_of(attempts.path(number))["state"] for number in attempts.numbers()}
    assert ends <= {"timed out", "interrupted", "running"}


@pytest.mark.local_runner
def test_a_timeout_while_the_page_is_made_is_no_completed_run(desk, monkeypatch):
    pages = []

    def late(node, *given):
        pages.append(node.metadata.galley.end["state"])
        if len(pages) == 1:
            raise AirflowTaskTimeout("Timeout")
        return real(node, *given)

    real = execute.make_page
    monkeypatch.setattr(execute, "make_page", late)
    _, _, end = fail(desk, AirflowTaskTimeout, CONCLUDES)
    assert end["state"] == "timed out"
    assert pages == ["completed", "timed out"]
    assert not desk.attempts().accepted.exists()


@pytest.mark.local_runner
def test_a_long_path_for_temporary_files_is_no_obstacle(desk, monkeypatch):
    folder = desk.home / ("long" * 30)
    folder.mkdir(parents=True)
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    assert desk.run(CONCLUDES).conclusion["rows"] == 3


def test_a_run_that_is_told_to_end_is_killed(desk):
    execution = desk.execution(WAITS)
    signal.signal(signal.SIGTERM, lambda *_: execution.kill())
    send_once_it_waits(desk, signal.SIGTERM)
    with pytest.raises(StageKilled, match="was stopped"):
        execution.run()
    end = end_of(desk.attempts().path(1))
    assert (end["state"], end["cell"]) == ("killed", 2)
    assert '<p class="state">killed</p>' in execution.page.read_text()


@pytest.mark.local_runner
@pytest.mark.parametrize("moment", ["begin", "_run_cells", "make_page"])
def test_a_run_that_is_told_to_end_before_or_after_its_cells_publishes_nothing(desk, monkeypatch, moment):
    accepted = desk.run(CONCLUDES)
    before = accepted.notebook.read_bytes(), (desk.reports / "metrics.json").read_bytes()
    execution = desk.execution("1")
    signal.signal(signal.SIGTERM, lambda *_: execution.kill())
    owner = {"begin": type(execution.attempts), "_run_cells": type(execution), "make_page": execute}[moment]
    real = getattr(owner, moment)

    def told(*arguments):
        monkeypatch.setattr(owner, moment, real)
        done = real(*arguments)
        os.kill(os.getpid(), signal.SIGTERM)
        return done

    monkeypatch.setattr(owner, moment, told)
    with pytest.raises(StageKilled, match="was stopped"):
        execution.run()
    assert end_of(desk.attempts().path(2))["state"] == "killed"
    assert '<p class="state">killed</p>' in execution.page.read_text()
    assert (accepted.notebook.read_bytes(), (desk.reports / "metrics.json").read_bytes()) == before


def test_a_run_that_was_told_to_end_before_it_began_does_not_run(desk):
    execution = desk.execution("1")
    execution.kill()
    with pytest.raises(StageKilled, match="was stopped"):
        execution.run()
    assert not desk.attempts().accepted.exists()


@pytest.mark.local_runner
def test_a_run_that_publishes_when_it_is_told_to_end_completes(desk, monkeypatch):
    execution = desk.execution(CONCLUDES)
    signal.signal(signal.SIGTERM, lambda *_: execution.kill())
    real = type(execution.attempts).publish

    def told(*arguments):
        os.kill(os.getpid(), signal.SIGTERM)
        return real(*arguments)

    monkeypatch.setattr(type(execution.attempts), "publish", told)
    assert execution.run().conclusion["rows"] == 3
    assert end_of(desk.attempts().accepted)["state"] == "completed"


def test_what_a_cell_started_ends_with_it(desk):
    on_alarm(AirflowTaskTimeout("Timeout"))
    send_once_it_waits(desk, signal.SIGALRM)
    fail(desk, AirflowTaskTimeout, "import subprocess\nchild = subprocess.Popen(['sleep', '300'])", WAITS)
    assert desk.kernels() == []


@pytest.mark.parametrize("leaving", ["import sys\nsys.exit(0)", "import sys\nsys.exit()", "raise SystemExit"])
def test_a_notebook_that_ends_itself_early_is_completed_and_says_where(desk, leaving):
    outcome = desk.run(CONCLUDES, leaving, "print('never')")
    assert outcome.conclusion == {"rows": 3, "größe": "日本"}
    node = read(outcome.notebook)
    assert node.metadata.galley.end["state"] == "completed"
    assert node.metadata.galley.end["message"].startswith("Cell 4 ended the notebook with sys.exit(0)")
    assert node.metadata.galley.end["message"] in outcome.page.read_text()
    assert [cell.metadata.papermill.status for cell in node.cells[3:]] == ["completed", "pending"]


def test_a_second_run_of_the_same_stage_and_day_is_told_who_has_it(desk):
    first = desk.execution(CONCLUDES, WAITS.replace("60", "1.5"))
    thread = threading.Thread(target=first.run)
    thread.start()
    while not desk.attempts().is_running():
        time.sleep(0.01)
    with pytest.raises(StageBusy, match=r"01_stage in .* is being run by process \d+ on "):
        desk.execution(CONCLUDES).run()
    thread.join()
    assert desk.attempts().numbers() == [1]
    assert end_of(desk.attempts().accepted)["state"] == "completed"


def test_parameters_that_papermill_cannot_put_into_a_language_are_refused(desk):
    path = desk.write()
    node = read(path)
    node.metadata.kernelspec["language"] = "cobol"
    nbformat.write(node, path)
    with pytest.raises(NotebookError, match="is in cobol, into which papermill cannot put parameters"):
        desk.execution_of(path).run()
    assert end_of(desk.attempts().path(1))["state"] == "refused"


def test_a_notebook_of_another_tool_without_a_kernel_runs_in_the_one_that_is_asked_for(desk):
    path = desk.write()
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print('hello')")])
    node.metadata.orig_nbformat = 2
    node.nbformat_minor = 2
    node.cells[0].pop("id")
    nbformat.write(node, path)
    outcome = desk.execution_of(path, parameters={}, kernel="data").run()
    assert read(outcome.notebook).cells[0].outputs[0].text == "hello\n"
    assert verify(Day.of("2026-11-23", desk.settings)) == []


def test_a_tag_that_lets_a_cell_raise_lets_it_and_one_that_skips_it_skips_it(desk):
    outcome = desk.run(
        code("1 / 0", "raises-exception"), code("x = 1", "skip-execution"), "assert 'x' not in globals()"
    )
    node = read(outcome.notebook)
    assert node.cells[2].outputs[0].ename == "ZeroDivisionError"
    assert node.cells[3].execution_count is None
    assert "Go to the cell" not in outcome.page.read_text()
