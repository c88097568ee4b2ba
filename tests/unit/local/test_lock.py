"""The lock on an embedded Airflow."""

import subprocess
import sys

import pytest

from galley.local.errors import AlreadyRunning
from galley.local.lock import exclusive

HOLD = """
import sys
from pathlib import Path
from galley.local.lock import exclusive
with exclusive(Path(sys.argv[1]), "make up"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "lock"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()


def test_a_second_command_is_told_which_one_holds_the_lock(holder, tmp_path):
    named = rf"`make up` \(process {holder.pid}\) works on"
    with pytest.raises(AlreadyRunning, match=named), exclusive(tmp_path / "lock", "make run"):
        pass


def test_the_lock_is_free_when_its_holder_was_killed(holder, tmp_path):
    holder.kill()
    holder.wait()
    with exclusive(tmp_path / "lock", "make run"):
        assert "make run" in (tmp_path / "lock").read_text()
