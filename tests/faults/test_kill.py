"""kill -9 of the process that runs a stage, at any moment: nothing is accepted in part, lost or left behind."""

import random
import threading
import time
from contextlib import suppress

import nbformat
import psutil
import pytest
from desk_of_stages import DS, end_of, read, wait_until

from galley.days import Day
from galley.proof.verify import verify
from galley.run.attempts import Attempts
from galley.storage.files import read_json
from galley.testing import stage_process

pytestmark = pytest.mark.usefixtures("kind_of_kernel")

ROUNDS = 50
CELLS = ["from galley.stage import Stage\nstage = Stage(ds)"]
CELLS += ["import time\ntime.sleep(0.02)\nprint('step')"] * 5
CELLS += ["stage.conclude(done=True)"]


@pytest.fixture(scope="module", autouse=True)
def _orphans_are_adopted():
    # Not by process 1 alone, which is the only parent that some kernels take for a sign.
    stage_process.adopt_orphans()


def is_whole(path):
    """Whether a notebook is one that ran to its end."""
    node = read(path)
    return node.metadata.galley.end.state == "completed" and node.metadata.galley.conclusion == {"done": True}


def time_of(asked, settings):
    """Seconds that the stage takes from its start to its end."""
    began = time.monotonic()
    stage_process.start(asked, settings).join()
    return time.monotonic() - began


def kill_rounds(desk, name, seed, seen):
    """Run the stage again and again, each time killed at a random moment or left to complete."""
    moments = random.Random(seed)  # noqa: S311 - repeatable, not secret
    asked = desk.asked(desk.write(*CELLS, name=name))
    attempts = Attempts(desk.reports, name)
    stage_process.start(asked, desk.settings).join()  # it may have to start the server of warm kernels
    takes = min(time_of(asked, desk.settings) for _ in range(3))  # one that had to wait would have all rounds complete
    for turn in range(ROUNDS // 2):
        before = len(attempts.numbers())
        process = stage_process.start(asked, desk.settings)
        if turn % 2:  # in its cells, which are a short time of what a container takes
            while process.is_alive() and len(attempts.numbers()) == before:
                time.sleep(0.005)
            process.join(moments.uniform(0, 0.1))
        else:
            process.join(moments.uniform(0, 1.2 * takes))
        process.kill()
        process.join()
        seen.append((name, len(attempts.numbers()), attempts.accepted.exists() and is_whole(attempts.accepted)))


def test_a_stage_that_is_killed_at_any_moment_leaves_no_part_no_gap_and_no_kernel(desk):
    names = ("01_one", "02_two")
    seen = []
    threads = [threading.Thread(target=kill_rounds, args=(desk, name, seed, seen)) for seed, name in enumerate(names)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == ROUNDS
    wait_until(desk.is_quiet, seconds=30)

    for name in names:
        attempts = Attempts(desk.reports, name)
        counts = [count for who, count, _ in seen if who == name]
        assert counts == sorted(counts)
        numbers = attempts.numbers()
        # A container may have begun the last attempt after its task was killed: it ends when it hears of that.
        assert numbers == list(range(1, numbers[-1] + 1))
        assert counts[-1] <= numbers[-1]
        accepted = [whole for who, _, whole in seen if who == name]
        assert accepted == sorted(accepted), "an accepted run went away, or was partial"
        assert not attempts.is_running()

        desk.run(*CELLS, name=name)
        ends = [end_of(attempts.path(number))["state"] for number in attempts.numbers()]
        assert set(ends) == {"completed", "interrupted"}
        assert all(attempts.path(number).with_suffix(".html").is_file() for number in attempts.numbers()[-2:])
        assert is_whole(attempts.accepted)
        drafts = [path.name for path in (desk.reports / "attempts").glob(f".{name}.try*")]
        assert drafts == []
    assert verify(Day.of(DS, desk.settings)) == []


def statuses(path):
    return [cell.metadata.papermill.get("status") for cell in read(path).cells]


def test_an_interrupted_attempt_says_so_at_the_next_look(desk):
    asked = desk.asked(desk.write("print('one')", "import time\ntime.sleep(60)"))
    process = stage_process.start(asked, desk.settings)
    attempts = desk.attempts()
    wait_until(lambda: attempts.numbers() and statuses(attempts.path(1))[-1:] == ["running"])
    assert attempts.is_running()
    process.kill()
    process.join()
    wait_until(lambda: not attempts.is_running())
    assert end_of(attempts.path(1))["state"] == "running"
    desk.run("print('two')")
    assert end_of(attempts.path(1))["state"] == "interrupted"
    assert read(attempts.path(1)).cells[2].outputs[0].text == "one\n"
    assert '<p class="state">interrupted</p>' in attempts.path(1).with_suffix(".html").read_text()
    wait_until(lambda: not desk.kernels())


def seconds_used(process):
    with suppress(psutil.NoSuchProcess):  # what a kernel has started may have ended since it was listed
        return sum(process.cpu_times()[:2])
    return 0


def test_a_kernel_that_is_busy_in_c_does_not_outlive_its_process(desk):
    busy = "import re\nprint('begun', flush=True)\nre.match(r'(a*)*b', 'a' * 60)"
    process = stage_process.start(desk.asked(desk.write(busy)), desk.settings)
    wait_until(lambda: any(seconds_used(kernel) > 1 for kernel in desk.kernels()))
    process.kill()
    process.join()
    wait_until(lambda: not desk.kernels())


def test_a_killed_process_between_the_two_renames_is_healed_at_the_next_look(desk):
    first = desk.run(*CELLS)
    page, digests = first.page, first.notebook.with_suffix(".sha256")
    former = {path: path.read_bytes() for path in (page, digests)}
    desk.run(*CELLS)
    for path, content in former.items():  # as if only the notebook came
        path.unlink()
        path.write_bytes(content)
    assert [found.problem for found in verify(Day.of(DS, desk.settings))] == ["is not the file that its run published"]
    with pytest.raises(Exception, match="division"):
        desk.run("1 / 0")
    assert not any(found.is_fault for found in verify(Day.of(DS, desk.settings)))
    assert first.page.read_bytes() == desk.attempts().path(2).with_suffix(".html").read_bytes()


def test_numbers_that_a_killed_process_did_not_copy_are_copied_at_the_next_look(desk):
    desk.run(*CELLS)
    (desk.reports / "metrics.json").unlink()
    asked = desk.asked(desk.write("import time\ntime.sleep(60)"))
    process = stage_process.start(asked, desk.settings)
    wait_until(lambda: 2 in desk.attempts().numbers() and statuses(desk.attempts().path(2))[-1:] == ["running"])
    (desk.reports / "metrics.json").unlink()  # the second attempt had copied them
    process.kill()
    process.join()
    with pytest.raises(Exception, match="division"):
        desk.run("1 / 0")
    assert read_json(desk.reports / "metrics.json") == {"stage": {"done": True}}
    wait_until(lambda: not desk.kernels())


@pytest.mark.parametrize("content", [b"", b'{"cells": [', b"\0" * 4096, b"[]"])
def test_an_attempt_that_a_power_cut_spoilt_is_kept_and_stops_nobody(desk, content):
    desk.run("1")
    desk.attempts().path(1).write_bytes(content)
    desk.run("2")
    assert desk.attempts().path(1).read_bytes() == content
    assert desk.attempts().numbers() == [1, 2]


def test_looking_whether_a_stage_runs_never_keeps_it_from_running(desk):
    attempts = desk.attempts()
    nbformat.write(nbformat.v4.new_notebook(), desk.write())
    done = threading.Event()

    def look():
        while not done.is_set():
            attempts.is_running()

    onlookers = [threading.Thread(target=look) for _ in range(2)]
    for onlooker in onlookers:
        onlooker.start()
    for _ in range(200):
        with attempts.exclusive():
            pass
    done.set()
    for onlooker in onlookers:
        onlooker.join()
