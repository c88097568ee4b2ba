"""Whatever part is killed leaves no process, and whatever fails leaves a cold kernel and a line in the log."""

import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest
from conftest import is_gone, servers, within

from galley.kernels.warm import client, protocol

TASK = """
import sys, time
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel(kernel_name=sys.argv[1])
client.execute(sys.argv[2])
print(manager.provisioner.pid, flush=True)
time.sleep(60)
"""
HOLDS_THE_INTERPRETER = "import sys\nsys.setswitchinterval(1000)\nwhile True: pass"


@pytest.fixture
def server_of(start):
    """The one server of a kernelspec, and a kernel that it forked."""

    def found(name):
        kernel = start(name)
        assert kernel.is_forked
        return psutil.Process(kernel.process.pid).parent(), kernel

    return found


@pytest.mark.parametrize("cell", ["import time; time.sleep(60)", HOLDS_THE_INTERPRETER])
@pytest.mark.parametrize("is_server_killed", [False, True])
def test_a_kernel_dies_with_its_task_also_when_its_server_is_dead(start, spec, server_of, cell, is_server_killed):
    name = spec("task")
    server, _ = server_of(name)
    with subprocess.Popen([sys.executable, "-c", TASK, name, cell], stdout=subprocess.PIPE, text=True) as task:
        pid = int(task.stdout.readline())
        assert psutil.Process(pid).ppid() == server.pid
        if is_server_killed:
            server.kill()
            assert within(5, lambda: is_gone(server.pid))
        assert not is_gone(pid)
        task.kill()
    assert within(3, lambda: is_gone(pid))


def test_a_killed_task_takes_what_its_kernel_has_started_with_it(spec, start):
    name = spec("task")
    cell = "import subprocess; subprocess.run(['sleep', '60'])"
    with subprocess.Popen([sys.executable, "-c", TASK, name, cell], stdout=subprocess.PIPE, text=True) as task:
        kernel = psutil.Process(int(task.stdout.readline()))
        assert within(5, kernel.children)
        (sleeping,) = kernel.children()
        task.kill()
    assert within(3, lambda: all(is_gone(process.pid) for process in (kernel, sleeping)))


def test_a_killed_kernel_takes_what_it_has_started_with_it(spec, start):
    kernel = start(spec("task"))
    kernel.run("import subprocess\nanswer = subprocess.Popen(['sleep', '60']).pid")
    sleeping = kernel.run("answer = subprocess.Popen(['sleep', '60'], start_new_session=True).pid")
    kernel.manager.shutdown_kernel(now=True)
    assert within(3, lambda: is_gone(sleeping))


LEAVES_TWO = """
import os, subprocess
session = subprocess.Popen(["sleep", "300"], start_new_session=True).pid
read, write = os.pipe()
if (child := os.fork()) == 0:
    os.setsid()
    if (orphan := os.fork()) == 0:
        os.execvp("sleep", ["sleep", "300"])
    os.write(write, str(orphan).encode())
    os._exit(0)
os.waitpid(child, 0)
answer = [session, int(os.read(read, 20))]
"""


@pytest.mark.parametrize("first", ["server", "kernel"])
def test_a_killed_server_and_a_killed_kernel_leave_nothing_and_another_kernel_works_on(start, spec, server_of, first):
    name = spec("both")
    server, other = server_of(name)
    keeper, kernel = server.parent(), start(name)
    left = kernel.run(LEAVES_TWO)
    server.suspend()  # so that it does nothing about the kernel's end
    os.kill(kernel.process.pid if first == "kernel" else server.pid, signal.SIGKILL)
    os.kill(server.pid if first == "kernel" else kernel.process.pid, signal.SIGKILL)
    assert within(5, lambda: all(is_gone(pid) for pid in left))
    assert other.run("answer = 1") == 1
    other.close()
    assert within(5, lambda: is_gone(keeper.pid))


def test_a_killed_server_leaves_its_kernels_working_and_the_next_one_gets_a_new_server(start, spec, server_of):
    server, kernel = server_of(spec("server"))
    server.kill()
    assert within(5, lambda: is_gone(server.pid))
    assert kernel.run("answer = 1") == 1
    another, later = server_of("server")
    assert another.pid != server.pid
    process = kernel.process
    kernel.manager.shutdown_kernel()
    assert is_gone(process.pid)
    assert later.run("answer = 2") == 2


def test_a_killed_kernel_is_noticed_and_leaves_no_process(start, name, server_of):
    server, kernel = server_of(name)
    pid = kernel.process.pid
    os.kill(pid, signal.SIGKILL)
    assert within(5, lambda: not kernel.manager.is_alive())
    assert kernel.manager.provisioner.process.poll() == -signal.SIGKILL
    assert within(5, lambda: not psutil.pid_exists(pid))
    assert server.is_running()


def test_a_server_ends_when_it_is_idle(start, spec, server_of):
    server, kernel = server_of(spec("idle", "csv", idle=0.5))
    time.sleep(1)
    assert server.is_running()
    kernel.close()
    assert within(10, lambda: is_gone(server.pid))


def test_a_module_that_is_changed_gets_a_new_server_and_the_kernel_the_new_text(start, spec, server_of, tmp_path):
    (tmp_path / "loaded_once.py").write_text("VALUE = 'former'")
    spec("changed", "loaded_once")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        server, kernel = server_of("changed")
        assert kernel.run("import loaded_once\nanswer = loaded_once.VALUE") == "former"
        (tmp_path / "loaded_once.py").write_text("VALUE = 'the new one'")
        another, later = server_of("changed")
        assert later.run("import loaded_once\nanswer = loaded_once.VALUE") == "the new one"
        assert another.pid != server.pid
        kernel.close()
        assert within(5, lambda: is_gone(server.pid))


def test_a_package_that_is_installed_gets_a_new_server(start, spec, server_of, tmp_path):
    spec("installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        server, _ = server_of("installed")
        (tmp_path / "a_package").mkdir()
        another, _ = server_of("installed")
        assert another.pid != server.pid


def starts_cold(kernel, caplog, reason):
    assert not kernel.is_forked
    assert kernel.run("answer = 1") == 1
    lines = [record.getMessage() for record in caplog.records if record.name == "galley.kernels.warm.provisioner"]
    assert [line for line in lines if reason in line] == lines
    assert len(lines) == 1


def test_a_module_that_is_not_there_costs_one_line_and_is_not_tried_each_time(start, spec, caplog):
    name = spec("absent", "no_such_module")
    with caplog.at_level(logging.INFO):
        starts_cold(start(name), caplog, "No module named 'no_such_module'")
    caplog.clear()
    began = servers_started(caplog)
    starts_cold(start(name), caplog, "No module named 'no_such_module'")
    assert began == servers_started(caplog)


def servers_started(caplog):
    return sorted((log, log.stat().st_mtime_ns) for log in client.private_folder().glob("*.log"))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import os; os.kill(os.getpid(), 11)", "it ended without a word"),
        (
            "import threading, time; threading.Thread(target=time.sleep, args=[60], daemon=True).start()",
            "threads running",
        ),
        ("import time; time.sleep(60)", "its imports took more than 2 seconds"),
    ],
    ids=["crashes", "leaves a thread", "hangs"],
)
def test_a_module_that_cannot_be_preloaded_costs_one_line(
    start, spec, folder, tmp_path, monkeypatch, caplog, text, reason
):
    before = servers(folder)
    (tmp_path / "bad_module.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    name = spec("bad", "bad_module", start_timeout=2)
    starts_cold(start(name), caplog, reason)
    assert within(5, lambda: servers(folder) == before)


@pytest.fixture
def empty(folder, monkeypatch):
    """Another folder for temporary files."""
    path = Path(tempfile.mkdtemp(dir=folder))
    monkeypatch.setattr("tempfile.tempdir", str(path))
    return path


def test_a_folder_that_is_not_the_users_alone_is_not_used(start, name, empty, caplog):
    (empty / f"galley-{os.geteuid()}").mkdir()
    (empty / f"galley-{os.geteuid()}").chmod(0o755)
    starts_cold(start(name), caplog, "is not a folder of this user's alone")


def test_a_folder_that_cannot_be_made_is_done_without(start, name, empty, caplog):
    (empty / f"galley-{os.geteuid()}").touch()
    starts_cold(start(name), caplog, "cannot be made")


def test_a_long_path_for_temporary_files_is_no_obstacle(monkeypatch, empty):
    (empty / ("long" * 30)).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(empty / ("long" * 30)))
    assert len(str(client.private_folder())) < 60


def test_a_server_that_is_stopped_is_waited_for_once(start, spec, server_of, monkeypatch, caplog):
    server, _ = server_of(spec("stopped", "bisect"))
    server.suspend()
    try:
        monkeypatch.setattr(client, "_ANSWER", 1)
        starts_cold(start("stopped"), caplog, "did not answer in 1 seconds")
        monkeypatch.undo()
        another, _ = server_of("stopped")
        assert another.pid != server.pid
    finally:
        server.kill()


def test_off_is_off(start, name, monkeypatch, caplog):
    monkeypatch.setenv("GALLEY_WARM_KERNELS", "off")
    kernel = start(name)
    assert not kernel.is_forked
    assert [record for record in caplog.records if record.name == "galley.kernels.warm.provisioner"] == []


def test_a_folder_that_is_not_there_fails_as_with_a_cold_kernel(start, name, tmp_path):
    with pytest.raises(FileNotFoundError):
        start(name, cwd=str(tmp_path / "nowhere"))


def asked_by_nobody(path):
    """What becomes of a user without rights who asks at a socket."""
    read, write = os.pipe()
    if os.fork() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(path)
                protocol.send(connection, {"arguments": [], "folder": "/", "environment": {}}, [0, 1, 2, read])
                os.write(write, repr(protocol.receive(connection)).encode())
        except Exception as error:
            os.write(write, type(error).__name__.encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as stream:
        return stream.read()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_gets_no_kernel_even_where_the_folder_stands_open(name, server_of, folder):
    server, _ = server_of(name)
    path = Path(server.cmdline()[3])
    assert asked_by_nobody(str(path)) == "PermissionError"
    for part in (folder, path.parent, path):
        part.chmod(0o777)
    try:
        assert asked_by_nobody(str(path)) in ("ProtocolError", "ConnectionResetError", "BrokenPipeError")
    finally:
        path.parent.chmod(0o700)
    again, _ = server_of(name)
    assert again.pid == server.pid


def test_a_client_that_says_nothing_sensible_does_not_harm_the_server(start, name, server_of):
    server, _ = server_of(name)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(server.cmdline()[3])
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises((protocol.ProtocolError, ConnectionError)):
            protocol.receive(connection)
    again, _ = server_of(name)
    assert again.pid == server.pid
