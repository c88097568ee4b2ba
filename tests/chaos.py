"""Chaos: rounds of one random fault in a stage of the example, and what must hold after it.

Usage: chaos.py [ROUNDS] [SEED] [disk|bucket]. Round n has the seed SEED + n, which says which stage, what is struck and
when; with it `make chaos ROUNDS=1 SEED=...` plays that round again. With `bucket`, data and outputs are in one. It ends
with 1 if a promise was broken.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import decide
import psutil
import s3

from galley.days import Day
from galley.local import ports, workbench
from galley.testing import Desk, broken, stage_process, unsettled, wait_until
from galley.testing.desk import DS

RECORD, ROLLBACK = "train_weekly/06_record", "rollback_model/02_rollback"
ASKED_IN = "manual__1"
PROJECT = Path(__file__).parents[1]
STAGES = {
    "generate_data/01_generate": {"source": "synthetic", "rows": 120, "late_share": 0.3},
    "train_weekly/01_prepare": {},
    "train_weekly/02_split": {},
    "train_weekly/03_train": {"settings": {"max_iter": 5}},
    "train_weekly/04_validate": {},
    "train_weekly/05_review": {},
    RECORD: {},
    "train_weekly/07_promote": {},
    "predict_daily/01_predict": {"model_as_of": "now"},
    "rollback_model/01_review": {"reason": "the new one is worse", "requested_by": "ada"},
    ROLLBACK: {"dag_run": ASKED_IN},
    "verify_daily/01_verify": {},
}
VICTIMS = ["command", "command by TERM", "task", "kernel", "server of kernels", "store"]
PATIENCE = 300
"""Seconds after which a run counts as hanging, and what it left as left for good."""


@dataclass(frozen=True)
class Round:
    """One fault: what is struck while a stage runs, after which share of the time that the stage takes."""

    seed: int
    stage: str
    victim: str
    share: float

    @classmethod
    def of(cls, seed):
        chosen = random.Random(seed)  # noqa: S311 - repeatable, not secret
        stage = list(STAGES)[seed % len(STAGES)]  # in their order, so that each finds what the one before has written
        return cls(seed, stage, chosen.choice(VICTIMS), round(chosen.uniform(0, 1.1), 3))

    def __str__(self):
        return f"seed {self.seed}: {self.victim} of {self.stage} struck at {self.share:.0%}"


class Store:
    """The project's MLflow server, to be killed and started again."""

    def __init__(self, settings):
        self.settings = settings
        self.process = None

    def start(self):
        service = workbench.mlflow(self.settings)
        self.process = subprocess.Popen(
            service.command, env=service.environment, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        wait_until(lambda: ports.is_open(self.settings.mlflow_port), PATIENCE)

    def kill(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Chaos:
    """The example on a tiny day, each of whose stages has completed once."""

    def __init__(self, desk, store):
        self.desk = desk
        self.store = store
        self.day = Day.of(DS, desk.settings)
        for stage in takewhile(lambda stage: not stage.startswith("rollback_model/"), STAGES):
            self._timed(stage)  # the model that can be gone back to
        self.seconds = {stage: self._timed(stage) for stage in STAGES}

    def rounds(self, first, count):
        """Play so many rounds from a seed on; yields each with the promises that it broke."""
        for number in range(count):
            this = Round.of(first + number)
            found = [] if number else self._put_in_order(self._before(this.stage))
            found += self._play(this)
            is_last, later = number == count - 1, self._after(this.stage)
            if is_last or not later:  # what a stage has read is as its record says when all have run again
                found += [*self._put_in_order(later), *unsettled(self.day)]
            yield this, found

    def _play(self, this):
        before = self.desk.written()
        try:
            self._strike(this)
            wait_until(self.desk.is_quiet, PATIENCE)
        except AssertionError:
            return [f"it hangs, or has left {[process.cmdline() for process in self.desk.kernels()]}"]
        found = [*broken(self.day), *self._not_whole(before)]
        if this.victim == "store":
            self.store.start()
        return [*found, *self._put_in_order([this.stage])]

    def _strike(self, this):
        run = self._command(this.stage) if this.victim.startswith("command") else self._task(this.stage)
        time.sleep(this.share * self.seconds[this.stage])
        match this.victim:
            case "command" | "task":
                run.kill()
            case "command by TERM":
                run.terminate()
            case "kernel":
                _kill(self.desk.kernels()[-1:])
            case "server of kernels":
                _kill(_servers(self.desk))
            case _:
                self.store.kill()
        wait_until(lambda: _has_ended(run), PATIENCE)

    def _put_in_order(self, stages):
        """Run stages again; returns what is to be said of those that do not complete."""
        return [f"{stage} does not complete any more" for stage in stages if self._again(stage) != 0]

    def _before(self, stage):
        return list(STAGES)[: list(STAGES).index(stage)]

    def _after(self, stage):
        return list(STAGES)[list(STAGES).index(stage) + 1 :]

    def _not_whole(self, before):
        """Files that are not what the stage always writes; those that have the time in them are there at least."""
        now, added = self.desk.written(), f"models/{DS}/metrics.json"  # by validate, to what train has written
        timed = ("models/", f"predictions/{DS}/predictions.json")
        same = {name: digest for name, digest in before.items() if not name.startswith(timed)}
        return [
            *(f"{name} is not whole" for name, digest in same.items() if now.get(name) != digest),
            *(f"{name} is there, or not there" for name in sorted(now.keys() ^ before.keys()) if name != added),
        ]

    def _again(self, stage):
        process = self._task(stage)
        process.join(PATIENCE)
        return process.exitcode

    def _timed(self, stage):
        began = time.monotonic()
        assert self._again(stage) == 0, f"{stage} does not complete at all"
        return time.monotonic() - began

    def _task(self, stage):
        return self.desk.start(self._notebook(stage), parameters={"ds": DS, **STAGES[stage]})

    def _notebook(self, stage):
        if stage in (RECORD, ROLLBACK):  # anew, for the stages before it have run again
            decide.answer(self.day, dag_id=stage.partition("/")[0], run=ASKED_IN)
        return self.desk.home / "notebooks" / f"{stage}.ipynb"

    def _command(self, stage):
        values = [word for name, value in STAGES[stage].items() for word in ("-p", name, _as_word(value))]
        command = [sys.executable, "-m", "galley.cli", "execute", str(self._notebook(stage)), "--ds", DS, *values]
        environment = {**os.environ, **self.desk.environment, "GALLEY_HOME": str(self.desk.home)}
        return subprocess.Popen(command, env=environment, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def chaos(where="disk"):
    """A project of its own below the folder of temporary files, whose servers of kernels nobody else has."""
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    (folder / "tmp").mkdir()
    stage_process.adopt_orphans()
    port = ports.free()
    given = {"TMPDIR": str(folder / "tmp"), "GALLEY_MLFLOW_PORT": str(port)}
    given["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow/mlflow.db"
    with ExitStack() as ends:
        ends.callback(shutil.rmtree, folder, ignore_errors=True)
        if where == "bucket":
            ends.enter_context(s3.server())
            given |= {"GALLEY_DATA": f"s3://galley/{folder.name}/data"}
            given |= {"GALLEY_OUTPUTS": f"s3://galley/{folder.name}/outputs"}
        desk = Desk.of(PROJECT, folder / "project", **given)
        store = Store(desk.settings)
        desk.environment["MLFLOW_TRACKING_URI"] = f"http://127.0.0.1:{port}"
        store.start()
        ends.callback(lambda: _kill(_servers(desk)))
        ends.callback(store.kill)
        yield Chaos(desk, store)


def _servers(desk):
    """The servers of warm kernels whose sockets are in the desk's folder of temporary files, and their kernels."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            command = " ".join(process.cmdline())
            is_ours = "galley.kernels.warm.server" in command and f" {desk.environment['TMPDIR']}/" in command
            if is_ours and process.name() != "warm keeper":
                found.append(process)
    return found


def _kill(processes):
    for process in processes:
        with suppress(psutil.Error):
            process.kill()


def _as_word(value):
    return value if isinstance(value, str) else json.dumps(value)


def _has_ended(run):
    return run.poll() is not None if isinstance(run, subprocess.Popen) else not run.is_alive()


def main(rounds=500, seed="", where="disk"):
    first = int(seed) if seed else random.randrange(10**6)  # noqa: S311
    failed = 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it leaves nothing behind then either
    with chaos(where) as played:
        for number, (this, found) in enumerate(played.rounds(first, int(rounds)), 1):
            failed += bool(found)
            print(f"{number:>4}  {this}: {'; '.join(found) or 'all promises kept'}", flush=True)  # noqa: T201
    print(f"{rounds} rounds from seed {first}: {failed} broke a promise")  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
