"""Services: real processes, started and ended for good."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from galley.errors import SettingsError
from galley.kernels.user import KernelUser
from galley.local import ports, workbench
from galley.local.errors import ServiceEnded
from galley.local.services import RESTARTS, Service, Services
from galley.settings import Settings

SLEEP = "import time; time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {SLEEP}"
# A grandchild in a session of its own, whose parent then ends: as a notebook's kernel when its task is killed.
FORSAKEN = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {SLEEP!r}], start_new_session=True)
print(child.pid, flush=True)
"""
TAKES_NOTE = f"""
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: (open("order", "a").write(NAME), sys.exit()))
print("ready", flush=True)
{SLEEP}
"""


@pytest.fixture
def start(tmp_path):
    """Services with a way to start Python text as one of them."""

    def _start(services, name, text, grace=20.0):
        services.start(Service(name, [sys.executable, "-c", text], os.environ, tmp_path, grace))

    return _start


def said(services, name):
    """Wait for a service's first line, and return it."""
    while not (text := services.log(name).read_text()).endswith("\n"):
        time.sleep(0.01)
    return text.strip()


def children():
    return {child.pid for child in psutil.Process().children(recursive=True)}


def is_gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def wait_until(condition):
    while not condition():
        time.sleep(0.01)


def test_leaving_the_block_ends_every_service(tmp_path, start):
    before = children()
    with Services(tmp_path) as services:
        start(services, "one", SLEEP)
        start(services, "two", SLEEP)
        services.check()
        assert len(children() - before) == 2
    assert children() == before


def test_a_service_that_ignores_the_request_is_killed(tmp_path, start):
    before = children()
    with Services(tmp_path) as services:
        start(services, "stubborn", STUBBORN, grace=0.2)
        said(services, "stubborn")
    assert children() == before


def test_a_process_that_a_service_left_behind_is_ended_too(tmp_path, start):
    with Services(tmp_path) as services:
        start(services, "forsaken", FORSAKEN)
        forsaken = int(said(services, "forsaken"))
        assert not is_gone(forsaken)
    assert is_gone(forsaken)


def test_processes_that_were_there_before_are_left_alone(tmp_path, start):
    mine = subprocess.Popen([sys.executable, "-c", SLEEP])
    with Services(tmp_path) as services:
        start(services, "one", SLEEP)
    assert mine.poll() is None
    mine.kill()
    mine.wait()


def test_the_last_started_ends_first(tmp_path, start):
    with Services(tmp_path) as services:
        for name in "abc":
            start(services, name, f"NAME = {name!r}\n{TAKES_NOTE}")
            said(services, name)
    assert (tmp_path / "order").read_text() == "cba"


def test_a_service_that_ends_by_itself_is_named_with_its_last_words(tmp_path, start):
    with Services(tmp_path) as services:
        start(services, "weak", "print('no strength left'); raise SystemExit(3)")
        wait_until(lambda: services.log("weak").read_text())
        with pytest.raises(ServiceEnded, match=r"(?s)weak ended with exit code 3.*no strength left.*weak\.log"):
            wait_until(lambda: services.check())


def test_a_service_that_ends_by_itself_is_started_again_and_said_up_to_a_bound(tmp_path, start):
    heard = []
    with Services(tmp_path) as services:
        start(services, "steady", SLEEP)
        start(services, "weak", "print('no strength left'); raise SystemExit(3)")
        with pytest.raises(ServiceEnded, match="weak ended with exit code 3"):
            wait_until(lambda: services.keep_up(heard.append))
        assert services.log("weak").read_text().count("no strength left") == RESTARTS + 1
    assert [words.splitlines()[0] for words in heard] == ["weak ended with exit code 3. Its last lines:"] * RESTARTS
    assert heard[-1].endswith(f"It is started again ({RESTARTS} of {RESTARTS} times).")


def test_a_service_that_was_killed_runs_again_and_what_it_left_has_ended(tmp_path, start):
    heard = []
    with Services(tmp_path) as services:
        start(services, "parent", FORSAKEN + SLEEP)
        start(services, "other", FORSAKEN + SLEEP)
        child, others = int(said(services, "parent")), int(said(services, "other"))
        psutil.Process(child).parent().kill()
        wait_until(lambda: services.keep_up(heard.append) or heard)
        assert heard[0].startswith("parent was killed by SIGKILL.")
        assert is_gone(child)
        assert not is_gone(others)
        wait_until(lambda: services.log("parent").read_text().count("\n") == 2)
        services.check()


def test_a_service_that_ran_long_has_all_its_restarts_again(tmp_path, start, monkeypatch):
    monkeypatch.setattr("galley.local.services.STEADY", 0.0)
    heard = []
    with Services(tmp_path) as services:
        start(services, "weak", "raise SystemExit(3)")
        wait_until(lambda: services.keep_up(heard.append) or len(heard) > RESTARTS)


SUPERVISOR = """
import os, sys, time
from pathlib import Path
from galley.local.services import Service, Services, Stopped

folder = Path(sys.argv[1])
try:
    with Services(folder) as services:
        for name, text in (("one", sys.argv[2]), ("other", sys.argv[3])):
            services.start(Service(name, [sys.executable, "-c", text], os.environ, folder, 0.5))
        while not services.log("other").read_text().endswith("\\n"):
            time.sleep(0.01)
        print("ready", flush=True)
        time.sleep(600)
except Stopped as stopped:
    sys.exit(stopped.exit_code)
"""


@pytest.fixture
def supervisor(tmp_path):
    """A process that supervises a stubborn service and one that forsakes a grandchild, when both are there."""
    process = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, tmp_path, STUBBORN, FORSAKEN], stdout=subprocess.PIPE, text=True
    )
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_supervisor_ends_all_of_its_family(supervisor, number):
    family = psutil.Process(supervisor.pid).children(recursive=True)
    supervisor.send_signal(number)
    assert supervisor.wait() == 128 + number
    assert family
    assert all(is_gone(process.pid) for process in family)


def test_an_impatient_second_signal_does_not_leave_anything_behind(supervisor):
    family = psutil.Process(supervisor.pid).children(recursive=True)
    supervisor.send_signal(signal.SIGINT)
    time.sleep(0.05)
    supervisor.send_signal(signal.SIGINT)
    assert supervisor.wait() == 128 + signal.SIGINT
    assert all(is_gone(process.pid) for process in family)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
def test_services_end_when_their_supervisor_is_killed_outright(tmp_path):
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, tmp_path, SLEEP, f"print('there', flush=True); {SLEEP}"],
        stdout=subprocess.PIPE,
    )
    supervisor.stdout.readline()
    family = psutil.Process(supervisor.pid).children()
    supervisor.kill()
    supervisor.wait()
    assert len(family) == 2
    wait_until(lambda: all(is_gone(process.pid) for process in family))


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can become another user")
def test_a_service_may_be_another_users_and_ends_with_the_others(tmp_path):
    nobody = KernelUser.of("nobody")
    with Services(tmp_path) as services:
        command = ["/bin/sh", "-c", "echo $$ $(id -u); sleep 600"]
        services.start(Service("other", command, os.environ, Path("/"), user=nobody))
        pid, user = map(int, said(services, "other").split())
        assert user == nobody.uid
    assert is_gone(pid)


@pytest.mark.skipif(os.geteuid() != 0 or sys.platform != "linux", reason="only root can become another user")
def test_mlflow_is_the_user_that_kernels_are_who_write_to_its_file_too(monkeypatch):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        Path(folder, "galley.toml").touch()
        given = {"GALLEY_HOME": folder, "GALLEY_KERNEL_USER": "nobody", "GALLEY_MLFLOW_PORT": str(ports.free())}
        settings = Settings.from_environment(given)
        monkeypatch.setattr(workbench, "PYTHON", Path("/bin/sh"))
        service = workbench.mlflow(settings)
        assert service.user == KernelUser.of("nobody")
        assert (settings.data / "mlflow").stat().st_uid == service.user.uid
        Path(folder).chmod(0o700)
        with pytest.raises(SettingsError, match=r"nobody may not write to .*/data/mlflow"):
            workbench.mlflow(settings)
