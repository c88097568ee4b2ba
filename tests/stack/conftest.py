"""The stack in a folder of its own, from nothing: built, started, and taken down with all that it kept."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from running import Stack

from galley.local import ports
from galley.local.dotenv import complete

ROOT = Path(__file__).parents[2]
COPIED = [
    "Dockerfile", ".dockerignore", ".env.example", ".gitignore", "docker-compose.yml", "Makefile", "pyproject.toml",
    "uv.lock", "galley.toml", "README.md", "LICENSE", "dags", "deploy", "notebooks", "src",
]  # fmt: skip
MAIL = "mailto://mail:1025?from=galley@example.org&to=team@example.org&mode=insecure"
WEEK = [f"2026-10-{day}" for day in range(13, 20)]
"""The days of the whole job. Later stories have later ones: no model replaces a newer."""
LAST = ["test_celery.py", "test_whole_job.py"]
"""Files that change where all tasks run, which starts most of the stack anew: each begins as the former ends."""
SMALL_DISK = "2026-10-12"
"""The day whose outputs are on a disk of their own, of 1 MB."""
_OWN = {
    # No runs by the clock: what the tests ask for is all that there is.
    "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
    # What is lost without a word is missed sooner than by the stack's own settings, which are 60 and 10.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
}
OVERRIDE = {
    "services": {
        "airflow-scheduler": {"environment": _OWN, "tmpfs": [f"/outputs/{SMALL_DISK}:size=1m,mode=1777"]},
        "airflow-worker": {"environment": _OWN},
    }
}


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LAST.index(item.path.name) if item.path.name in LAST else -1)


@pytest.fixture(scope="session")
def engine():
    """A Docker engine that answers."""
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        return
    why = "No Docker engine answers. Start one; ../shared/docker-engine/up does, and .ci/run calls it if it is there."
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


BRIEFLY = """
[models.brief]
problem = "binary"
key = "id"
target = "label"
train = "ask_briefly"
folder = "brief"
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The project's files as a clone has them, with a model and a DAG of the tests' own."""
    home = clone(tmp_path_factory.mktemp("stack"))
    for name in ("dags", "notebooks"):
        shutil.copytree(Path(__file__).parent / name, home / name, dirs_exist_ok=True)
    with (home / "galley.toml").open("a") as declared:
        declared.write(BRIEFLY)
    return home


def clone(home):
    """Copy the project's files into a folder, and give it a .env of its own with free ports."""
    for name in COPIED:
        source = ROOT / name
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "scratch")
        shutil.copytree(source, home / name, ignore=ignored) if source.is_dir() else shutil.copy2(source, home / name)
    for name in ("data", "outputs"):
        (home / name).mkdir()
    (home / "docker-compose.override.yml").write_text(json.dumps(OVERRIDE))
    complete(home)
    Stack(home).set(**{f"GALLEY_{name}_PORT": str(ports.free()) for name in ("AIRFLOW", "MLFLOW", "LAB")})
    return home


@pytest.fixture(scope="session")
def stack(engine, folder):
    """Everything up by `make stack`, in a checkout of one commit, on free ports, ready for stages in containers."""
    Stack(folder).set(COMPOSE_PROFILES="dev,docker", GALLEY_ALERT_URLS=MAIL, GALLEY_MODEL="flights-late")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "--quiet"], ["add", "."], [*who, "commit", "--quiet", "--message", "All there is"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    stack = Stack(folder)
    try:
        done = subprocess.run(["make", "stack"], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        for dag_id in ("generate_data", "train_weekly", "predict_daily", "ask_briefly"):
            stack.wait(lambda dag_id=dag_id: stack.client().unpause(dag_id) is None, dag_id)
        yield stack
    finally:
        stack.remove()


@pytest.fixture(scope="session")
def unanswered(stack):
    """Somebody is asked, and does not answer; it takes a minute, in which others may be busy."""
    stack.begin("ask_briefly", WEEK[0])
    return WEEK[0]


@pytest.fixture(scope="session")
def week(stack, unanswered):
    """The whole job for seven days, with stages in the scheduler; returns how its runs ended."""
    return whole_job(stack, WEEK, WEEK)


@pytest.fixture(scope="session")
def backed_up(stack, week):
    """A backup, backups/test, of the whole job and of a connection; returns the predictions of the last day in it."""
    stack.exec("airflow-scheduler", "airflow", "connections", "add", "partner", "--conn-type=http", "--conn-password=x")
    stack.make("backup", "TO=backups/test")
    return (stack.home / "data" / "predictions" / WEEK[-1] / "predictions.csv").read_bytes()


def predicts_the_same(stack, before):
    """Whether the last day's predictions come again, by the champion that MLflow gives out."""
    predictions = stack.home / "data" / "predictions" / WEEK[-1] / "predictions.csv"
    assert predictions.read_bytes() == before
    assert stack.client().run("train_weekly", WEEK[-1]).state == "success"
    predictions.unlink()
    stack.again("predict_daily", WEEK[-1])
    stack.wait(predictions.exists, "predictions by the restored stack")
    assert predictions.read_bytes() == before


def whole_job(stack, days, predicted):
    """Days are generated, a model is trained on them and approved by the reviewer, and predicts some of them.

    Returns the state that each day's run of a DAG ended in.
    """
    return {
        "generate_data": dict(zip(days, stack.perform("generate_data", *days), strict=True)),
        "train_weekly": dict(
            zip(days[-1:], stack.perform("train_weekly", days[-1], train_days=len(days)), strict=True)
        ),
        "predict_daily": dict(
            zip(predicted, stack.perform("predict_daily", *predicted, model_as_of="now"), strict=True)
        ),
    }
