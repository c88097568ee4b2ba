"""A backup of the stack, after everything else was lost."""

import shutil
import subprocess

from conftest import WEEK


def test_a_backup_brings_back_what_was_lost(stack, week):
    def make(*words):
        done = subprocess.run(["make", *words], cwd=stack.home, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]

    predictions = stack.home / "data" / "predictions" / WEEK[-1] / "predictions.csv"
    before = predictions.read_bytes()
    make("backup", "TO=backups/test")
    stack.docker("down", "--volumes", "--timeout", "10")
    for name in ("data", "outputs"):
        shutil.rmtree(stack.home / name)
        (stack.home / name).mkdir()
    make("restore", "FROM=backups/test")
    assert predictions.read_bytes() == before
    assert stack.client().run("train_weekly", WEEK[-1]).state == "success"
    # MLflow has its champion, and the stages the password to it.
    predictions.unlink()
    stack.again("predict_daily", WEEK[-1])
    stack.wait(predictions.exists, "predictions by the restored stack")
    assert predictions.read_bytes() == before
