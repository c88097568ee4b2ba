"""What a cell leaves behind ends with the run, however it left and however the run ends; and no run hangs on it."""

import signal
import subprocess
import sys

import psutil
import pytest
from desk_of_stages import Desk, end_of, read, wait_until
from nbclient.exceptions import CellTimeoutError

from galley.errors import StageFailed, StageInterrupted
from galley.testing import stage_process

pytestmark = [pytest.mark.usefixtures("kind_of_kernel"), pytest.mark.local_runner]

LEAVES = {
    "session": "import subprocess\nsubprocess.Popen(['sleep', '300'], start_new_session=True)",
    "double fork": (
        "import os\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        os.execvp('sleep', ['sleep', '300'])\n    os._exit(0)\nos.wait()"
    ),
    "server": (
        "import subprocess, sys\nserver = subprocess.Popen(\n"
        "    [sys.executable, '-m', 'http.server', '0', '--bind', '127.0.0.1'], start_new_session=True)"
    ),
    "server's workers": (
        "import subprocess\nsubprocess.Popen(['sh', '-c', 'setsid sh -c \"sleep 300 & sleep 300\" & sleep 300'])"
    ),
    "pipe": "import subprocess\nchild = subprocess.Popen(['cat'], stdin=subprocess.PIPE, start_new_session=True)",
    "script": "%%bash --bg\nsetsid sleep 300",
    "forked": "import multiprocessing, time\n"
    "multiprocessing.get_context('fork').Process(target=time.sleep, args=(300,)).start()",
    "thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(300,)).start()",
    "no environment": "import subprocess\nsubprocess.Popen(['env', '-i', 'setsid', 'sleep', '300'])",
    "deaf": "import subprocess\nsubprocess.Popen(['setsid', 'sh', '-c', 'trap \"\" TERM HUP; sleep 300; sleep 300'])",
}


@pytest.fixture(params=LEAVES.values(), ids=LEAVES)
def leaves(request):
    return request.param


def test_a_run_that_completes_leaves_nothing(desk, leaves):
    assert desk.run(leaves, "print('done')").attempt == 1
    assert desk.kernels() == []


@pytest.mark.parametrize("leaves", [LEAVES["session"], LEAVES["double fork"]], ids=["session", "double fork"])
@pytest.mark.parametrize(
    ("ends", "error"),
    [
        ("1 / 0", StageFailed),
        ("import os\nos._exit(3)", StageInterrupted),
        ("import os\nos.kill(os.getpid(), 9)", StageInterrupted),
        ("import os\nos.killpg(os.getpgrp(), 9)", StageInterrupted),
        ("import time\ntime.sleep(300)", CellTimeoutError),
    ],
    ids=["error", "exit", "killed", "group killed", "timeout"],
)
def test_a_run_that_fails_leaves_nothing(desk, leaves, ends, error):
    with pytest.raises(error):
        desk.execution(leaves, ends, cell_timeout=3).run()
    wait_until(lambda: desk.kernels() == [], 10)


def running(desk: Desk) -> bool:
    attempts = desk.attempts()
    return bool(attempts.numbers()) and (
        read(attempts.path(1)).cells[-1].metadata.get("papermill", {}).get("status") == "running"
    )


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_is_killed_leaves_nothing(desk, number):
    notebook = desk.write(LEAVES["session"], LEAVES["double fork"], "import time\ntime.sleep(300)")
    process = stage_process.start(desk.asked(notebook), desk.settings)
    wait_until(lambda: running(desk))
    assert len([one for one in desk.kernels() if one.name() == "sleep"]) == 2
    psutil.Process(process.pid).send_signal(number)
    process.join()
    wait_until(lambda: desk.kernels() == [], 10)


def test_a_cell_is_interrupted_and_the_keeper_lives_on(desk):
    outcome = desk.run(
        "import os, signal\ntry:\n    os.kill(os.getpid(), signal.SIGINT)\n    import time; time.sleep(5)\n"
        "except KeyboardInterrupt:\n    print('interrupted')",
        "print(os.getpgrp() == os.getpid(), os.getppid() != 1)",
    )
    cells = read(outcome.notebook).cells
    assert cells[2].outputs[0].text == "interrupted\n"
    assert cells[3].outputs[0].text == "True True\n"
    assert end_of(outcome.notebook)["state"] == "completed"


def test_nobody_waits_for_a_pipe_that_is_left_open(desk):
    """As a caller that reads the command's output to its end would."""
    desk.write("import subprocess\nsubprocess.Popen(['setsid', 'sleep', '300'])")
    command = [sys.executable, "-m", "galley.cli", "execute", "01_stage.ipynb", "--ds", "2026-11-23"]
    ended = subprocess.run(command, cwd=desk.home, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
