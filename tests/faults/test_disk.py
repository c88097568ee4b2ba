"""A disk that is full or cannot be written: the error says so, and what was accepted stays as it was."""

import os
import shutil
import subprocess
import sys

import pytest
from desk_of_stages import Desk, end_of, read

from galley.errors import RecordLost
from galley.storage import files

CONCLUDES = "from galley.stage import Stage\nStage(ds).conclude(rows=3)"


@pytest.fixture
def mount():
    """Mounts, and undoes it: what can only be tried as root, on Linux."""
    mounted = []

    def do(folder, *options):
        folder.mkdir(parents=True, exist_ok=True)
        tried = subprocess.run(["mount", *options, str(folder)], capture_output=True, text=True)
        if tried.returncode != 0:
            reason = f"a file system cannot be mounted here: {tried.stderr.strip()}"
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
        mounted.append(folder)

    yield do
    for folder in reversed(mounted):
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def small(desk: Desk, mount) -> Desk:
    """A desk whose outputs are on a disk of 1 MB."""
    mount(desk.settings.outputs, "-t", "tmpfs", "-o", "size=1m", "tmpfs")
    return desk


def fill(desk):
    filler = desk.settings.outputs / "filler"
    with filler.open("wb", buffering=0) as stream:
        while shutil.disk_usage(filler).free:
            stream.write(b"x" * 4096)
    return filler


def test_a_full_disk_is_an_error_that_says_so_and_the_accepted_run_stays(small):
    accepted = small.run(CONCLUDES)
    before = files.digest(accepted.notebook), files.digest(accepted.page), files.digest(small.reports / "metrics.json")
    filler = fill(small)
    with pytest.raises(RecordLost, match=r"No space left on device.*Make room"):
        small.run(CONCLUDES)
    filler.unlink()
    metrics = small.reports / "metrics.json"
    assert (files.digest(accepted.notebook), files.digest(accepted.page), files.digest(metrics)) == before
    assert small.run(CONCLUDES).attempt == small.attempts().numbers()[-1]


def test_a_disk_that_fills_up_during_a_run_leaves_an_attempt_that_is_not_completed(small):
    accepted = small.run(CONCLUDES)
    before = files.digest(accepted.notebook)
    with pytest.raises(RecordLost):
        small.run(CONCLUDES, "print('x' * 900_000)", "import time\ntime.sleep(0.5)", "1")
    assert files.digest(accepted.notebook) == before
    assert end_of(small.attempts().path(2))["state"] in ("running", "failed")
    assert read(small.attempts().path(2)).cells
    subprocess.run(["mount", "-o", "remount,size=8m", str(small.settings.outputs)], check=True)
    small.run(CONCLUDES)
    assert end_of(small.attempts().path(2))["state"] in ("interrupted", "failed")


def test_outputs_that_cannot_be_written_are_an_error_that_says_so(small, mount):
    accepted = small.run(CONCLUDES)
    subprocess.run(["mount", "-o", "remount,ro", str(small.settings.outputs)], check=True)
    with pytest.raises(RecordLost, match=r"Read-only file system.*fix the permissions"):
        small.run(CONCLUDES)
    assert end_of(accepted.notebook)["state"] == "completed"
    assert small.attempts().numbers() == [1]


@pytest.mark.local_runner
@pytest.mark.parametrize(
    "words",
    ["run --ds 2026-11-23", "up", "keys generate 2026"],
)
def test_a_command_in_a_project_that_cannot_be_written_says_so(desk, mount, words):
    mount(desk.home, "-t", "tmpfs", "tmpfs")
    (desk.home / "galley.toml").write_text('[models.one]\nproblem = "binary"\nkey = "id"\ntarget = "label"\n')
    subprocess.run(["mount", "-o", "remount,ro", str(desk.home)], check=True)
    command = [sys.executable, "-m", "galley.cli", *words.split()]
    done = subprocess.run(command, capture_output=True, text=True, cwd=desk.home)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert f"Read-only file system: '{desk.home}" in done.stderr
    assert "Mount it writable" in done.stderr
