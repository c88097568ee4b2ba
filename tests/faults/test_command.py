"""The command `galley`, as a person or a container calls it: what it prints, its exit codes, and how it is ended."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import nbformat
import pytest
from desk_of_stages import DS, code, end_of, read

from galley.run.container import messages

WRITES = [
    "from galley.stage import Stage\nstage = Stage(ds)",
    "with stage.write(stage.day.processed / 'rows.csv') as path:\n    path.write_text('rows')",
    "stage.conclude(rows=3)",
]


@pytest.fixture
def galley(desk):
    """Starts the command in the desk's project."""
    desk.home.mkdir(exist_ok=True)
    environment = {**os.environ, "GALLEY_HOME": str(desk.home)}

    def start(*words):
        command = [sys.executable, "-m", "galley.cli", *map(str, words)]
        return subprocess.Popen(
            command, cwd=desk.home, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )  # fmt: skip

    return start


@pytest.fixture
def told(galley):
    """Runs the command to its end: exit code, what it printed, what it said beside."""

    def run(*words):
        process = galley(*words)
        printed, said = process.communicate(timeout=60)
        return process.returncode, printed, said

    return run


def reports(desk):
    return desk.settings.outputs / DS / "notebooks"


def test_a_stage_that_completes_prints_what_it_concluded_and_where_the_report_is(desk, told):
    desk.write(*WRITES)
    code, printed, _ = told("execute", "01_stage.ipynb", "--ds", DS, "--run", '{"run_id": "by hand"}')
    assert code == 0
    assert json.loads(printed) == {"conclusion": {"rows": 3}, "report": str(reports(desk) / "01_stage.html")}
    assert read(reports(desk) / "01_stage.ipynb").metadata.galley.run.run_id == "by hand"


def test_without_a_day_it_takes_the_latest_that_there_is(desk, told):
    for ds in ("2026-11-21", "2026-11-22"):
        (desk.settings.data / "raw" / ds).mkdir(parents=True)
        for name in ("data.csv", "target.csv"):
            (desk.settings.data / "raw" / ds / name).touch()
    desk.write("print(ds)")
    assert told("execute", "01_stage.ipynb")[0] == 0
    assert (desk.settings.outputs / "2026-11-22/notebooks/01_stage.ipynb").is_file()


@pytest.mark.parametrize("cells", [[code("rows = 3", "parameters")], []], ids=["other parameters", "none"])
def test_a_notebook_that_does_not_declare_the_day_is_run_without_being_given_it(desk, told, cells):
    notebook = desk.write("print('ran')")
    node = nbformat.read(notebook, 4)
    node.cells[:1] = cells
    nbformat.write(node, notebook)
    assert told("execute", "01_stage.ipynb", "--ds", DS)[0] == 0
    assert end_of(reports(desk) / "01_stage.ipynb")["state"] == "completed"


@pytest.mark.parametrize(
    ("cell", "words", "code", "said"),
    [
        ("1 / 0", [], 1, "StageFailed: ZeroDivisionError"),
        ("print(1)", ["-p", "rows", "3"], 1, "ParameterError: .*no parameter 'rows'"),
        ("print(1)", ["--kernel", "nope"], 1, "KernelNotFound: There is no kernel 'nope'"),
        ("import os; os.kill(os.getpid(), 9)", [], 75, "StageInterrupted: "),
        ("raise ConnectionError('gone')", [], 75, "Transient: ConnectionError: gone"),
    ],
    ids=["an error", "a parameter", "a kernel", "a death", "the network"],
)
def test_the_exit_code_says_whether_another_try_may_help(desk, told, cell, words, code, said):
    desk.write(cell)
    ended, printed, beside = told("execute", "01_stage.ipynb", "--ds", DS, *words)
    last = beside.splitlines()[-1]
    assert (ended, printed) == (code, "")
    assert re.match(said, last), last


def test_a_command_that_is_told_to_end_says_so_in_the_record_and_leaves_no_kernel(desk, galley):
    desk.write("import time\ntime.sleep(60)")
    process = galley("execute", "01_stage.ipynb", "--ds", DS)
    attempt = reports(desk) / "attempts/01_stage.try1.ipynb"
    deadline = time.monotonic() + 30
    while not (attempt.is_file() and read(attempt).cells[-1].metadata.get("papermill", {}).get("status") == "running"):
        assert time.monotonic() < deadline, "the cell did not begin"
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, beside = process.communicate(timeout=30)
    assert process.returncode == 75
    assert "StageKilled: " in beside
    assert end_of(attempt)["state"] == "killed"


@pytest.fixture
def asked(desk, galley):
    """Starts `galley execute -` as a container does, and asks for a stage of these cells."""

    def start(*cells):
        process = galley("execute", "-")
        request = messages.Request(desk.asked(desk.write(*cells)), {"GALLEY_WARM_KERNELS": "off"})
        process.stdin.write(request.line().decode())
        process.stdin.flush()
        return process

    return start


def test_a_stage_that_is_asked_for_on_stdin_is_answered_on_stdout_and_nothing_else_is_there(asked):
    process = asked("import os\n_ = os.write(1, b'noise')", *WRITES)
    answer = json.loads(process.stdout.read())
    assert process.wait(timeout=30) == 0
    assert answer["conclusion"] == {"rows": 3}
    assert answer["page"].endswith("attempts/01_stage.try1.html")


def test_an_error_is_answered_with_its_class_its_words_and_its_report(asked):
    process = asked("raise ConnectionError('gone')")
    answer = json.loads(process.stdout.read())
    assert process.wait(timeout=30) == 75
    assert (answer["error"], answer["message"][:22]) == ("Transient", "ConnectionError: gone ")
    assert answer["page"].endswith("attempts/01_stage.try1.html")


def wait_until_it_waits(desk):
    attempt = desk.attempts().path(1)
    deadline = time.monotonic() + 60
    while not (attempt.is_file() and read(attempt).cells[-1].metadata.get("papermill", {}).get("status") == "running"):
        assert time.monotonic() < deadline, "the cell did not begin"
        time.sleep(0.05)


def test_who_asked_may_say_that_time_is_up_and_the_record_says_so(desk, asked):
    process = asked("import time\ntime.sleep(60)")
    wait_until_it_waits(desk)
    process.stdin.write(messages.ending(type("AirflowTaskTimeout", (BaseException,), {})("Timeout")).decode())
    process.stdin.flush()
    assert json.loads(process.stdout.read())["error"] == "AirflowTaskTimeout"
    process.wait(timeout=30)
    assert end_of(desk.attempts().path(1))["state"] == "timed out"


def test_when_who_asked_is_gone_the_stage_ends_with_its_kernel_and_the_next_look_says_so(desk, asked):
    process = asked("import time\ntime.sleep(60)")
    wait_until_it_waits(desk)
    process.stdin.close()
    assert process.wait(timeout=30) == 75
    while desk.kernels():
        time.sleep(0.1)
    desk.run("1")
    assert end_of(desk.attempts().path(1))["state"] == "interrupted"


def test_verify_finds_nothing_on_a_fresh_day_and_names_what_was_changed(desk, told):
    desk.write(*WRITES)
    assert told("execute", "01_stage.ipynb", "--ds", DS)[0] == 0
    assert told("verify", DS)[:2] == (0, f"{DS}: findings: 0\n")
    (desk.settings.data / "processed" / DS / "rows.csv").write_text("other rows")
    code, printed, _ = told("verify", DS)
    assert code == 1
    assert f"data/processed/{DS}/rows.csv has other content now" in printed


@pytest.mark.parametrize(("ds", "said"), [("2026-11-24", "no accepted run"), ("today", "which is not a date")])
def test_verify_refuses_a_day_that_cannot_be_verified(desk, told, ds, said):
    code, _, beside = told("verify", ds)
    assert code == 1
    assert said in beside


def test_check_says_what_keeps_notebooks_from_being_stages(desk, told):
    desk.write("print(1)")
    code, printed, _ = told("check", desk.home / "notebooks")
    assert (code, printed) == (0, "notebooks: 1, problems: 0\n")
    (desk.home / "notebooks/02_other.ipynb").write_text(
        '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    )
    code, printed, _ = told("check", desk.home / "notebooks")
    assert code == 1
    assert "02_other.ipynb has no cell tagged 'parameters'" in printed


def test_check_says_which_model_has_no_review(desk, told):
    desk.write(*WRITES)
    (desk.home / "galley.toml").write_text(
        '[models.churn]\nproblem = "binary"\nkey = "id"\ntarget = "left"\ntrain = "notebooks"\nreview = "judge"\n'
    )
    code, printed, _ = told("check")
    assert code == 1
    assert "models.churn.review: notebooks has no notebook NN_judge.ipynb" in printed


def test_check_names_what_galley_toml_may_not_say(desk, told):
    desk.write(*WRITES)
    (desk.home / "galley.toml").write_text("[models.churn]\nproblme = 1\n")
    code, _, said = told("check")
    assert code == 1
    assert "models.churn.problme is an unknown key" in said
