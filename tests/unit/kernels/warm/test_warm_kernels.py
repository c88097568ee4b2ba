"""A forked kernel does what a cold one does, and is nobody else's."""

import os
import sys
import threading
from pathlib import Path

import psutil
import pytest
from conftest import servers, within
from shapes import EXAMPLE

from galley.kernels.kernelspec import write_kernelspec

MODEL = """
import numpy as np, os
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
X, y = make_classification(3000, 20, random_state=1)
answer = [
    type(model).__name__ + repr(model.fit(X, y).predict_proba(X).sum(axis=0).tolist())
    for model in (HistGradientBoostingClassifier(max_iter=20, random_state=1), LogisticRegression(),
                  RandomForestClassifier(20, n_jobs=2, random_state=1))
]
A = np.random.default_rng(1).random((400, 400))
answer.append(repr(float(np.linalg.norm(A @ A))))
"""


def test_ten_forked_kernels_in_a_row_train_and_score_as_a_cold_one_does(start, name, monkeypatch):
    monkeypatch.setenv("GALLEY_WARM_KERNELS", "off")
    cold = start(name)
    expected = cold.run(MODEL)
    monkeypatch.delenv("GALLEY_WARM_KERNELS")
    kernels = [start(name) for _ in range(10)]
    assert not cold.is_forked
    assert all(kernel.is_forked for kernel in kernels)
    assert [kernel.run(MODEL) for kernel in kernels] == [expected] * 10


def test_a_forked_kernel_of_the_environment_asks_a_registry_and_imports_little(start, folder, tmp_path):
    write_kernelspec("as-it-is", Path(sys.executable), folder / "jupyter")
    code = """
import sys
there = set(sys.modules)
from galley.registry.versions import Registered
from galley.registry.models import connect
from galley.settings import Settings
connect(Settings.from_environment())
answer = sorted({name for name in set(sys.modules) - there})
"""
    EXAMPLE.declare(tmp_path)
    environment = {**os.environ, "GALLEY_HOME": str(tmp_path), "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
    kernel = start("as-it-is", env=environment)
    assert kernel.is_forked
    heavy = ("sqlalchemy.", "pandas.", "sklearn.", "nbformat.", "galley.")
    assert [name for name in kernel.run(code) if name.startswith(heavy)] == []


@pytest.mark.parametrize("warm", ["on", "off"])
def test_the_threads_of_a_kernel_wait_without_spinning(start, name, monkeypatch, warm):
    monkeypatch.setenv("GALLEY_WARM_KERNELS", warm)
    monkeypatch.setenv("OMP_DISPLAY_ENV", "TRUE")  # OpenMP says what it took, when it is loaded
    code = """
import os, subprocess, sys
said = subprocess.run([sys.executable, "-c", "import sklearn.ensemble"], capture_output=True, text=True).stderr
answer = [os.environ["OMP_WAIT_POLICY"], "OMP_WAIT_POLICY = 'PASSIVE'" in said]
"""
    assert start(name).run(code) == ["PASSIVE", True]


def test_a_process_pool_in_a_forked_kernel_works(start, name):
    code = "from joblib import Parallel, delayed\nanswer = Parallel(2)(delayed(abs)(n) for n in (-1, -2, -3))"
    assert start(name).run(code) == [1, 2, 3]


@pytest.mark.parametrize("warm", ["on", "off"])
def test_a_grammar_of_iris_is_compiled_by_the_kernel_that_checks_one(start, spec, monkeypatch, warm):
    monkeypatch.setenv("GALLEY_WARM_KERNELS", warm)
    kernel = start(spec("iris", "nbformat"))
    assert kernel.is_forked == (warm == "on")
    code = """
import inspect, pickle, sys
import jsonschema, rfc3987_syntax
inspect.getmodule(inspect.currentframe())
pickle.whichmodule(object(), "nowhere")
answer = ["lark" in sys.modules]
checker = jsonschema.FormatChecker()
answer += [checker.conforms(iri, "iri") for iri in ("http://example.org/ü", "http://exa mple.org")]
from rfc3987_syntax import utils, is_valid_syntax_iri_reference
answer += [is_valid_syntax_iri_reference("ü/a"), "lark" in sys.modules]
"""
    assert kernel.run(code) == [False, True, False, True, True]


def test_two_forked_kernels_draw_different_numbers(start, name):
    code = """
import multiprocessing, random, numpy as np
answer = [random.random(), np.random.rand(), np.random.default_rng().random(), os.urandom(4).hex(),
          multiprocessing.current_process().authkey.hex()]
"""
    one, other = (start(name).run("import os" + code) for _ in range(2))
    assert [a for a, b in zip(one, other, strict=True) if a == b] == []


FACTS = """
import gc, logging, os, resource, signal, sys, time
environment = dict(os.environ)
del environment["GALLEY_WARM_KERNELS"]
answer = {
    "environment": environment,
    "folder": os.getcwd(),
    "zone": time.tzname,
    "leads its group": os.getpgrp() == os.getpid(),
    "is in its own or its keeper's session": os.getsid(0) in (os.getpid(), os.getppid()),
    "looks for modules in": sys.path,
    "arguments": [sys.argv[0], *sys.argv[3:]],
    "flags": repr(sys.flags),
    "signals": [str(signal.getsignal(number)) for number in signal.valid_signals()],
    "blocked": [str(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, [])],
    "collects": [gc.isenabled(), gc.get_threshold()],
    "logs to": str(logging.getLogger().handlers),
    "limits": [resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")],
    "processors": sorted(os.sched_getaffinity(0)),
    "priority": os.nice(0),
    "umask": [os.umask(0o77), os.umask(0o22)],
}
"""


def test_a_forked_kernel_finds_everything_as_a_cold_one_does(start, name, tmp_path):
    environment = {**os.environ, "GIVEN": "yes", "TZ": "Asia/Tokyo"}
    environment.pop("SHELL", None)
    warm = start(name, cwd=str(tmp_path), env={**environment, "GALLEY_WARM_KERNELS": "on"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GALLEY_WARM_KERNELS", "off")
        cold = start(name, cwd=str(tmp_path), env={**environment, "GALLEY_WARM_KERNELS": "off"})
    found = warm.run(FACTS)
    assert (warm.is_forked, cold.is_forked) == (True, False)
    # sklearn sets environment variables when it is imported.
    assert found == cold.run("import sklearn\n" + FACTS)
    assert found["environment"]["GIVEN"] == "yes"


def test_a_forked_kernel_holds_no_file_of_its_server_or_its_siblings(start, name):
    kernels = [start(name) for _ in range(2)]
    process = psutil.Process(kernels[1].process.pid)
    assert [file.path for file in process.open_files() if file.path.endswith(".log")] == []
    assert [socket.laddr for socket in process.net_connections("unix") if "galley-" in socket.laddr] == []


@pytest.mark.parametrize("variable", ["OMP_NUM_THREADS", "PYTHONHASHSEED", "LANG"])
def test_what_is_read_when_a_library_loads_gets_a_server_of_its_own(start, name, folder, variable):
    kernel = start(name, env={**os.environ, variable: "2" if variable != "LANG" else "C"})
    assert kernel.is_forked
    before = servers(folder)
    again = start(name)
    assert again.is_forked
    assert psutil.Process(again.process.pid).parent() != psutil.Process(kernel.process.pid).parent()
    assert set(before) <= set(servers(folder))


def test_a_figure_is_shown_as_in_a_cold_kernel(start, name, monkeypatch):
    code = """
%config InlineBackend.figure_formats = ["svg"]
import matplotlib.pyplot as plt
plt.plot([1, 2])
"""

    def shown(kernel):
        kinds = []
        kernel.client.execute_interactive(
            code, timeout=60, output_hook=lambda m: kinds.append(sorted(m["content"].get("data", {})))
        )
        return [kind for kind in kinds if kind]

    warm = shown(start(name))
    monkeypatch.setenv("GALLEY_WARM_KERNELS", "off")
    assert warm == shown(start(name))
    assert ["image/svg+xml", "text/plain"] in warm


def test_a_cell_can_be_interrupted_and_the_kernel_goes_on(start, name):
    kernel = start(name)
    message = kernel.client.execute("import time\ntime.sleep(60)")
    assert within(10, lambda: kernel.client.get_iopub_msg(timeout=5)["msg_type"] == "execute_input")
    kernel.manager.interrupt_kernel()
    reply = kernel.client._recv_reply(message, timeout=10)
    assert reply["content"]["ename"] == "KeyboardInterrupt"
    assert kernel.run("answer = 1") == 1


def test_a_cell_may_ask_for_input(start, name):
    kernel = start(name)
    message = kernel.client.execute("name = input('who? ')", allow_stdin=True)
    assert kernel.client.get_stdin_msg(timeout=10)["content"]["prompt"] == "who? "
    kernel.client.input("a person")
    assert kernel.client._recv_reply(message, timeout=10)["content"]["status"] == "ok"
    assert kernel.run("answer = name") == "a person"


def test_a_restarted_kernel_is_another_process_that_knows_nothing(start, name):
    kernel = start(name)
    former = kernel.run("kept = 1\nimport os\nanswer = os.getpid()")
    kernel.manager.restart_kernel(now=True)
    kernel.client.stop_channels()
    kernel.client = kernel.connect()
    assert kernel.is_forked
    pid, is_known = kernel.run("import os\nanswer = [os.getpid(), 'kept' in globals()]")
    assert pid != former
    assert not is_known


ENDS = """
import atexit, pathlib, sys, threading, time
here = pathlib.Path({folder!r})
atexit.register((here / "atexit").touch)
left_open = (here / "left open").open("w")
left_open.write("whole")
in_a_cycle = [(here / "in a cycle").open("w")]
in_a_cycle.append(in_a_cycle)
in_a_cycle[0].write("whole")
sys.held_by_a_module = (here / "held by a module").open("w")
sys.held_by_a_module.write("whole")
threading.Thread(target=lambda: (time.sleep(0.5), (here / "thread").touch())).start()
answer = 0
"""


def test_a_kernel_that_is_shut_down_ends_in_order_and_loses_nothing_that_it_wrote(start, name, tmp_path):
    kernel = start(name)
    kernel.run(ENDS.format(folder=str(tmp_path)))
    process = kernel.process
    kernel.manager.shutdown_kernel()
    assert process.returncode == 0
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        "atexit": "", "thread": "", "left open": "whole", "in a cycle": "whole", "held by a module": "whole"
    }  # fmt: skip


def test_a_kernel_that_exits_is_seen_to_be_dead_with_its_code(start, name):
    kernel = start(name)
    process = kernel.process
    kernel.client.execute("import os\nos._exit(7)")
    assert within(5, lambda: not kernel.manager.is_alive())
    assert process.poll() == 7


def test_a_debugger_can_be_attached(start, name):
    kernel = start(name)
    content = {"type": "request", "seq": 1, "command": "debugInfo", "arguments": {}}
    kernel.client.control_channel.send(kernel.client.session.msg("debug_request", content))
    assert kernel.client.get_control_msg(timeout=10)["content"]["success"]
    arguments = {"clientID": "test", "adapterID": "", "pathFormat": "path"}
    content = {"type": "request", "seq": 2, "command": "initialize", "arguments": arguments}
    kernel.client.control_channel.send(kernel.client.session.msg("debug_request", content))
    assert kernel.client.get_control_msg(timeout=30)["content"]["success"]


def test_tasks_that_start_at_once_share_one_server(start, spec, folder):
    name = spec("at_once", "json")
    kernels = []
    threads = [threading.Thread(target=lambda: kernels.append(start(name))) for _ in range(3)]
    before = len(servers(folder))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [kernel.is_forked for kernel in kernels] == [True] * 3
    assert len(servers(folder)) == before + 1


def test_what_a_kernel_prints_to_its_process_goes_where_a_cold_one_writes(start, name, tmp_path):
    with (tmp_path / "log").open("w") as log:
        kernel = start(name, stdout=log, stderr=log)
    assert kernel.is_forked
    kernel.run("import os, sys\nos.write(sys.__stderr__.fileno(), b'')\nprint('told', file=sys.__stderr__)\nanswer = 0")
    kernel.close()
    assert "told" in Path(tmp_path / "log").read_text()
