"""Too little disk, memory or files: the error says which, what its limit is and what to raise, and is tried again."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from desk_of_stages import end_of

from galley.errors import ResourceExhausted, SettingsError
from galley.run import resources

RAISES = "import os, errno\nraise OSError(errno.{0}, os.strerror(errno.{0}), '/data/x')"


@pytest.mark.parametrize(
    ("cell", "advice"),
    [
        (RAISES.format("ENOSPC"), "Make room on it"),
        (RAISES.format("EDQUOT"), "raise the quota"),
        (RAISES.format("EROFS"), "Mount it writable"),
        (RAISES.format("EMFILE"), r"The limit of open files is \d+. Raise it: ulimit -n"),
        (RAISES.format("ENFILE"), "fs.file-max"),
        (RAISES.format("ENOMEM"), "Give the machine or the container more"),
        ("raise MemoryError", "Give the machine or the container more"),
        ("raise RuntimeError('write failed: [Errno 28] No space left on device')", "Make room on it"),
        ("bytearray(10**17)", "Give the machine or the container more"),
    ],
)
def test_what_a_cell_had_too_little_of_is_worth_another_try_and_says_what_to_raise(desk, cell, advice):
    with pytest.raises(ResourceExhausted, match=rf"\(cell 3 of dag · stage\)\. .*{advice}"):
        desk.run(cell)
    assert end_of(desk.attempts().path(1))["message"].startswith("ResourceExhausted: ")


def test_a_file_that_a_command_may_not_write_is_a_setting_and_other_errors_are_themselves():
    said = resources.of_disk(PermissionError(13, "Permission denied", "/project/.airflow"))
    assert isinstance(said, SettingsError)
    assert str(said).startswith("/project/.airflow: Permission denied. Let the user who runs this")
    assert resources.of_disk(BrokenPipeError()) is None


LIMITED = """
import resource, sys
limit = (int(sys.argv[3]),) * 2
resource.setrlimit(getattr(resource, sys.argv[2]), limit)
sys.argv = ["galley", "execute", sys.argv[1], "--ds", "2026-11-23"]
from galley.cli import main
sys.exit(main())
"""


@pytest.fixture
def limited(desk):
    """Runs the command under a limit; its exit code and last words."""

    def run(name, limit, *cells):
        environment = {**os.environ, "GALLEY_HOME": str(desk.home), "GALLEY_WARM_KERNELS": "off"}
        command = [sys.executable, "-c", LIMITED, str(desk.write(*cells)), name, str(limit)]
        ended = subprocess.run(command, env=environment, cwd=desk.home, capture_output=True, text=True, timeout=120)
        return ended.returncode, ended.stderr.strip().splitlines()[-1]

    return run


@pytest.mark.local_runner
def test_too_few_open_files_are_named_before_a_kernel_starts(limited):
    code, said = limited("RLIMIT_NOFILE", 64, "1")
    assert code == 75
    assert said.startswith("ResourceExhausted: A process may have 64 files open here, and a stage needs 256.")
    assert "ulimit -n" in said


@pytest.mark.local_runner
def test_a_kernel_without_memory_is_told_with_the_limit(limited):
    code, said = limited("RLIMIT_AS", 3_000_000_000, "x = bytearray(10**10)")
    assert code == 75
    assert "ulimit -v allows 3,000 MB" in said


@pytest.mark.local_runner
@pytest.mark.parametrize(
    ("said", "limit", "kills"),
    [
        ({"memory.max": "max", "memory.events": "oom 0\noom_kill 3\noom_group_kill 0\n"}, 0, 3),
        ({"memory.max": "1000", "memory.events": "low 0\noom_kill 0\n"}, 1000, 0),
        ({"memory/memory.limit_in_bytes": "1000", "memory/memory.oom_control": "under_oom 0\noom_kill 2\n"}, 1000, 2),
        ({"memory/memory.limit_in_bytes": "9223372036854771712"}, 0, 0),
        ({}, 0, 0),
    ],
    ids=["version 2, no limit", "version 2", "version 1", "version 1, no limit", "no cgroup"],
)
def test_what_a_container_may_use_is_read_from_its_cgroup_of_either_version(tmp_path, monkeypatch, said, limit, kills):
    (tmp_path / "memory").mkdir()
    for name, text in said.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(resources, "_CGROUP", tmp_path)
    assert (resources.memory_limit(), resources.memory_kills()) == (limit, kills)


@pytest.mark.local_runner
def test_a_low_limit_that_may_be_raised_is_raised(desk):
    script = (
        "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 4096))\n"
        "from galley.run.resources import allow_open_files; allow_open_files()\n"
        "print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=Path(__file__).parent)
    assert said.stdout.split() == ["256", "4096"]
