"""The stack in a folder of its own, from nothing: built, started, and taken down with all that it kept."""

import email.policy
import html
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import pytest

from galley.local import ports
from galley.local.api import Client
from galley.local.stack import filled, read

ROOT = Path(__file__).parents[2]
COPIED = [
    "Dockerfile", ".dockerignore", ".env.example", "docker-compose.yml", "Makefile", "pyproject.toml", "uv.lock",
    "README.md", "LICENSE", "dags", "deploy", "notebooks", "src",
]  # fmt: skip
BY_HAND = {"services": {"airflow-scheduler": {"environment": {"AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False"}}}}
"""No runs by the clock: what the tests ask for is all that there is."""
MAIL = "mailto://mail:1025?from=galley@example.org&to=team@example.org&mode=insecure"
PATIENCE = 900
"""Seconds that a run may take on a busy machine."""


@dataclass(frozen=True)
class Stack:
    """A folder with a docker-compose.yml, and what runs of it."""

    home: Path

    @property
    def settings(self):
        return read(self.home / ".env")

    def docker(self, *words, check=True):
        """`docker compose` in its folder."""
        command = ["docker", "compose", *words]
        done = subprocess.run(command, cwd=self.home, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not check, f"{' '.join(command)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def url(self, name):
        return f"http://127.0.0.1:{self.settings[f'{name}_PORT']}"

    def client(self, user="admin"):
        return Client(self.url("AIRFLOW"), user, self.settings[f"{user.upper()}_PASSWORD"])

    def ask(self, url, method="GET", body=None, **headers):
        """Status and text of an answer; who asks goes into the headers."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310
            url, data, {"Content-Type": "application/json"} | headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def token_of(self, user):
        login = {"username": user, "password": self.settings[f"{user.upper()}_PASSWORD"]}
        status, answer = self.ask(f"{self.url('AIRFLOW')}/auth/token", "POST", login)
        assert status == 201, answer
        return {"Authorization": f"Bearer {json.loads(answer)['access_token']}"}

    def basic(self, user, password):
        return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}

    def perform(self, dag_id, ds, **params):
        """Have a DAG run for a day, a review answered by the reviewer if it asks; returns the run's state."""
        client = self.client()
        if client.run(dag_id, ds) is None:
            client.trigger(dag_id, ds, params)
        run = self.wait(lambda: self._ended(dag_id, ds), f"{dag_id} {ds}")
        return run.state

    def _ended(self, dag_id, ds):
        run = self.client().run(dag_id, ds)
        for task in run.tasks:
            if task.state == "awaiting_input" and self._asking_ended(run, task):
                self.client("reviewer").answer(run, task.task_id, "Approve", reason="Better on both.")
        return run if run.state in ("success", "failed") else None

    def _asking_ended(self, run, task):
        """See galley.local.parking."""
        said = f"state success for task instance TaskInstanceKey(dag_id={run.dag_id!r}, task_id={task.task_id!r}, "
        return said in self.docker("logs", "airflow-scheduler") or task.seconds > 60

    def wait(self, look, what):
        """What `look` returns once it is something."""
        deadline = time.monotonic() + PATIENCE
        while not (seen := look()):
            assert time.monotonic() < deadline, f"{what} did not happen within {PATIENCE} s"
            time.sleep(2)
        return seen

    def mails(self, subject):
        """The texts of the mails with this subject that the mail catcher has got."""
        names = self.docker("exec", "-T", "mail", "find", "/mail/box/new", "-type", "f", check=False).split()
        texts = [self.docker("exec", "-T", "mail", "cat", name) for name in names]
        mails = [email.message_from_string(text, policy=email.policy.default) for text in texts]
        return [html.unescape(mail.get_body().get_content()) for mail in mails if mail["Subject"] == subject]


@pytest.fixture(scope="session")
def engine():
    """A Docker engine that answers."""
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        return
    why = "No Docker engine answers. Start one; ../shared/docker-engine/up does, and .ci/run calls it if it is there."
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The project's files as a clone has them, and no .env yet."""
    home = tmp_path_factory.mktemp("stack")
    for name in COPIED:
        source = ROOT / name
        ignored = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "scratch")
        shutil.copytree(source, home / name, ignore=ignored) if source.is_dir() else shutil.copy2(source, home / name)
    for name in ("data", "outputs"):
        (home / name).mkdir()
    return home


@pytest.fixture(scope="session")
def stack(engine, folder):
    """Everything up, as `make stack` does it, with the mail catcher, on free ports."""
    text = filled((folder / ".env.example").read_text(), folder, os.getuid())
    own = {f"{name}_PORT": ports.free() for name in ("AIRFLOW", "MLFLOW", "JUPYTER")}
    own |= {"COMPOSE_PROJECT_NAME": f"galley-test-{os.getpid()}", "COMPOSE_PROFILES": "dev", "GALLEY_ALERT_URLS": MAIL}
    kept = [line for line in text.splitlines() if line.partition("=")[0] not in own]
    (folder / ".env").write_text("\n".join([*kept, *(f"{name}={value}" for name, value in own.items())]) + "\n")
    (folder / "docker-compose.override.yml").write_text(json.dumps(BY_HAND))
    stack = Stack(folder)
    try:
        stack.docker("up", "--build", "--wait", "--quiet-pull")
        for dag_id in ("generate_data", "train_weekly", "predict_daily"):
            stack.wait(
                lambda dag_id=dag_id: (
                    stack.ask(f"{stack.url('AIRFLOW')}/api/v2/dags/{dag_id}", **stack.token_of("admin"))[0] == 200
                ),
                dag_id,
            )
            stack.client().unpause(dag_id)
        yield stack
    finally:
        stack.docker("down", "--volumes", "--timeout", "10", check=False)
