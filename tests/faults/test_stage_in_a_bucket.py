"""A stage whose record is in a bucket: killed or suspended, it loses nothing, and of two runs one counts."""

import os
import random
import signal
import time
import uuid

import pytest
from botocore.exceptions import EndpointConnectionError
from desk_of_stages import Desk, end_of, wait_until

from galley.days import Day
from galley.errors import StageBusy, StorageUnavailable
from galley.proof.verify import verify
from galley.run.attempts import Attempts
from galley.storage import lease
from galley.testing import broken, stage_process, unsettled

pytestmark = pytest.mark.local_runner

CELLS = ["from galley.stage import Stage\nstage = Stage(ds)"]
CELLS += ["import time\ntime.sleep(0.1)\nprint('step')"] * 4
CELLS += ["stage.conclude(done=True)"]
ROUNDS = 12


@pytest.fixture
def desk(tmp_path, store, monkeypatch):
    """A desk whose outputs are in a bucket, where a lease is lost quickly."""
    monkeypatch.setattr(lease, "BEAT", 0.3)
    monkeypatch.setattr(lease, "TIMEOUT", 2.0)
    outputs = {"GALLEY_OUTPUTS": f"s3://galley/{uuid.uuid4().hex}"}
    desk = Desk(tmp_path / "project", outputs)
    for name, value in {"GALLEY_HOME": str(desk.home), **outputs}.items():
        monkeypatch.setenv(name, value)
    return desk


def start(desk, *cells):
    """A process of its own that runs a stage, with leases as short as here."""
    return stage_process.start(desk.asked(desk.write(*cells)), desk.settings, beat=lease.BEAT, timeout=lease.TIMEOUT)


def states(attempts):
    return [end_of(attempts.path(number))["state"] for number in attempts.numbers()]


def test_a_stage_that_is_killed_at_any_moment_leaves_no_part_and_no_gap(desk):
    moments = random.Random(7)  # noqa: S311 - repeatable, not secret
    attempts = desk.attempts()
    start(desk, *CELLS).join()  # it may have to start the server of warm kernels
    began = time.monotonic()
    start(desk, *CELLS).join()
    takes = time.monotonic() - began
    seen = []
    for _ in range(ROUNDS):
        process = start(desk, *CELLS)
        process.join(moments.uniform(0.2, 1.0) * takes)
        process.kill()
        process.join()
        accepted = attempts.accepted.exists() and end_of(attempts.accepted)["state"]
        seen.append((len(attempts.numbers()), accepted))
    desk.run(*CELLS)
    assert {accepted for _, accepted in seen} == {"completed"}
    assert [count for count, _ in seen] == sorted(count for count, _ in seen)
    assert attempts.numbers() == list(range(1, attempts.numbers()[-1] + 1))
    assert set(states(attempts)) == {"completed", "interrupted"}
    assert verify(Day.of(desk.reports.parent.name, desk.settings)) == []


def test_what_was_broken_is_said_of_a_bucket_too(desk):
    day = Day.of(desk.reports.parent.name, desk.settings)
    for _ in range(2):
        desk.run("1")
    assert unsettled(day) == []
    desk.attempts().path(1).unlink()
    assert broken(day) == [f"outputs/{day}/dag: the attempts of 01_stage are [2]"]


def test_a_stage_has_one_run_at_a_time(desk):
    process = start(desk, "import time\ntime.sleep(60)")
    wait_until(desk.attempts().is_running)
    with pytest.raises(StageBusy, match=f"run by process {process.pid} on"):
        desk.run("1")
    process.kill()
    process.join()
    assert desk.run("1").attempt == 2
    assert states(desk.attempts()) == ["interrupted", "completed"]


def test_a_run_that_was_suspended_while_another_one_ran_is_not_accepted_over_it(desk):
    mark = desk.home / "go on"
    process = start(
        desk, f"import time\nfrom pathlib import Path\nwhile not Path({str(mark)!r}).exists(): time.sleep(.1)"
    )
    attempts: Attempts = desk.attempts()
    wait_until(attempts.is_running)
    wait_until(lambda: desk.kernels())
    os.kill(process.pid, signal.SIGSTOP)
    second = desk.run("print('second')")
    accepted = attempts.accepted.read_bytes()
    mark.touch()
    os.kill(process.pid, signal.SIGCONT)
    process.join()
    assert second.attempt == 2
    assert attempts.accepted.read_bytes() == accepted
    assert attempts.numbers() == [1, 2]
    assert states(attempts)[1] == "completed"
    assert "does not count" in end_of(attempts.path(1))["message"]


def test_a_stage_whose_store_goes_away_is_worth_another_try_and_nothing_accepted_is_touched(desk, monkeypatch):
    desk.run("print('first')")
    accepted = desk.attempts().accepted.read_bytes()
    system = desk.attempts().accepted.fs

    def away(*_, **__):
        raise EndpointConnectionError(endpoint_url="http://store")

    with monkeypatch.context() as patch:
        patch.setattr(system, "pipe_file", away)
        with pytest.raises(StorageUnavailable, match="http://store"):
            desk.run("print('second')")
    assert desk.attempts().accepted.read_bytes() == accepted
    assert desk.run("print('third')").conclusion is None
    assert desk.attempts().is_accepted(desk.attempts().numbers()[-1])
