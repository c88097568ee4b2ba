"""A stack that runs: what people ask of it, what happens to it, and what it leaves in its folders."""

import email.policy
import hashlib
import html
import json
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from galley.local.api import Client
from galley.local.dotenv import changed, read
from galley.local.errors import AirflowError

PATIENCE = 900
"""Seconds that a run may take on a busy machine."""
ACCEPTED = ["outputs/*/*/*.*", "data/raw/*/*", "data/processed/*/*", "data/models/*/**/*", "data/predictions/*/*"]
"""What stands for good once it is there; attempts are added to."""


@dataclass(frozen=True)
class Stack:
    """A folder with a docker-compose.yml, and what runs of it."""

    home: Path
    _clients: dict[str, Client] = field(default_factory=dict, compare=False)

    @property
    def settings(self):
        return read(self.home / ".env")

    def docker(self, *words, check=True):
        """`docker compose` in its folder."""
        return self._run("docker", "compose", *words, check=check)

    def _run(self, *command, check=True):
        done = subprocess.run(command, cwd=self.home, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or not check, f"{' '.join(command)}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def exec(self, service, *words, check=True):
        return self.docker("exec", "-T", service, *words, check=check)

    def make(self, *words, **settings):
        """`make` in its folder, with these settings changed in .env."""
        self.set(**settings)
        return self._run("make", *words)

    def change(self, *services, **settings):
        """Change settings in .env, and have these services, and no others, as they then are."""
        self.set(**settings)
        self.docker("up", "--wait", "--no-deps", *services)

    def set(self, **settings):
        """Change settings in .env."""
        (self.home / ".env").write_text(changed((self.home / ".env").read_text(), settings))

    @property
    def project(self):
        return self.settings["COMPOSE_PROJECT_NAME"]

    def image(self, name):
        """An image that was built for this stack."""
        return f"galley-{name}:{self.project}"

    def remove(self):
        """End it, and remove all that it kept, and the names of its images."""
        self._run("make", "stack-down", "VOLUMES=yes", check=False)
        names = self._run("docker", "image", "ls", "--quiet", "--filter", f"reference=galley-*:{self.project}").split()
        self._run("docker", "image", "rm", "--force", *names, check=False)

    def containers(self, *services):
        """The containers there are, as compose tells of them."""
        return [json.loads(line) for line in self.docker("ps", "--all", "--format", "json", *services).splitlines()]

    def inspect(self, container, what):
        return self._run("docker", "inspect", "--format", f"{{{{{what}}}}}", container).strip()

    def kill(self, container):
        """kill -9 for its first process, from outside, and with it for all others in it.

        `docker kill` would be taken for somebody's wish, and nothing would start it again.
        """
        pid = self.inspect(container, ".State.Pid")
        self._run("docker", "run", "--rm", "--pid=host", "--user=0", self.image("mail"), "sh", "-c", f"kill -9 {pid}")

    def lose(self, container):
        """As if its machine were gone: it ends at once, and nothing starts it again."""
        self._run("docker", "kill", container)

    def inside(self, network, image, *command):
        """What a command says in a container of an image of this stack, as one of a stage is in that network."""
        return self._run("docker", "run", "--rm", f"--network={network}", self.image(image), *command)

    def stages(self):
        """The containers of stages that the engine has for this stack."""
        network = f"network={self.project}_stages"
        return self._run(
            "docker", "ps", "--all", "--quiet", "--filter", "label=galley.stage", "--filter", network
        ).split()

    def came_back(self, service):
        """Whether it was started again by the engine, and is well."""
        (found,) = self.containers(service)
        return found["Health"] == "healthy" and self.inspect(found["ID"], ".RestartCount") != "0"

    def url(self, name):
        return f"http://127.0.0.1:{self.settings[f'GALLEY_{name}_PORT']}"

    def client(self, user="admin"):
        """A user who logs in once: to check a password costs the server more than all that is asked in a second."""
        if user not in self._clients:
            self._clients[user] = Client(self.url("AIRFLOW"), user, self.settings[f"{user.upper()}_PASSWORD"])
        return self._clients[user]

    def ask(self, url, method="GET", body=None, **headers):
        """Status and text of an answer; who asks goes into the headers."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310
            url, data, {"Content-Type": "application/json"} | headers, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=240) as answer:  # noqa: S310
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

    def begin(self, dag_id, *days, **params):
        """Ask for a DAG's runs of these days."""
        for ds in days:
            self.client().trigger(dag_id, ds, params)

    def again(self, dag_id, ds):
        """Clear all of a run, so that it is done again."""
        self.client().clear(self.client().run(dag_id, ds), only_failed=False)

    def ends(self, dag_id, *days):
        """The states that the runs of these days end in, a review answered by the reviewer if one asks."""
        return [self.wait(lambda ds=ds: self._ended(dag_id, ds), f"the end of {dag_id} {ds}").state for ds in days]

    def perform(self, dag_id, *days, **params):
        """Have a DAG run for days, side by side; returns the states of the runs."""
        self.begin(dag_id, *days, **params)
        return self.ends(dag_id, *days)

    def _ended(self, dag_id, ds):
        run = self.client().run(dag_id, ds)
        for task in run.tasks:
            if task.state == "awaiting_input" and self._asking_ended(run, task):
                self.client("reviewer").answer(run, task.task_id, "Approve", reason="Better on both.")
        return run if run.state in ("success", "failed") else None

    def _asking_ended(self, run, task):
        """See galley.local.parking."""
        said = f"state success for task instance TaskInstanceKey(dag_id={run.dag_id!r}, task_id={task.task_id!r}, "
        logs = self.docker("logs", "airflow-scheduler", "--since", task.start.isoformat())
        return said in logs or task.seconds > 60

    def task(self, dag_id, ds, task_id):
        run = self.client().run(dag_id, ds)
        return next(task for task in run.tasks if task.task_id == task_id)

    def log(self, dag_id, ds, task_id, number):
        """What a task's try has in its log."""
        run = quote(self.client().run(dag_id, ds).run_id, safe="")
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run}/taskInstances/{task_id}/logs/{number}?full_content=true"
        status, said = self.ask(self.url("AIRFLOW") + path, Accept="application/json", **self.token_of("viewer"))
        assert status == 200, said
        return said

    def wait(self, look, what, nap=1.0):
        """What `look` returns once it is something; Airflow may be away meanwhile."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if seen := look():
                    return seen
            except (AirflowError, OSError) as error:
                seen = error
                self._clients.clear()  # a server that was put back may not know who had logged in
            assert time.monotonic() < deadline, f"{what} did not happen within {PATIENCE} s: {seen}"
            time.sleep(nap)

    def records(self, ds, dag_id, stage):
        """What each attempt of a stage states of itself, the first one first; `stage` is as in 01_prepare."""
        folder = self.home / "outputs" / ds / dag_id / "attempts"
        found = {int(path.stem.rpartition(".try")[2]): path for path in folder.glob(f"{stage}.try*.ipynb")}
        return [json.loads(found[number].read_text())["metadata"]["galley"] for number in sorted(found)]

    def ended(self, ds, dag_id, stage):
        """How the attempts of a stage ended."""
        return [record["end"]["state"] for record in self.records(ds, dag_id, stage)]

    def in_the_midst(self, ds, dag_id, stage):
        """Wait until a stage runs, and its record says so; returns the record."""

        def running():
            return [record for record in self.records(ds, dag_id, stage) if record["end"]["state"] == "running"]

        return self.wait(running, f"{stage} of {ds}", nap=0.1)[-1]

    def accepted(self):
        """The digest of everything that was accepted, and of what it wrote."""
        found = {path for pattern in ACCEPTED for path in self.home.glob(pattern) if path.is_file()}
        return {str(path.relative_to(self.home)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}

    def changed(self, before):
        """What `accepted` found before, and is not what it was."""
        now = self.accepted()
        return [name for name, digest in before.items() if now.get(name) != digest]

    def verify(self, *days):
        """Raise unless all that the days' accepted runs state of files still holds."""
        for ds in days:
            self.exec("airflow-scheduler", "galley", "verify", ds)

    def mails(self, subject):
        """The texts of the mails with this subject that the mail catcher has got."""
        names = self.exec("mail", "find", "/mail/box/new", "-type", "f", check=False).split()
        script = 'for name; do cat "$name"; printf "\\0"; done'
        texts = self.exec("mail", "sh", "-c", script, "sh", *names).split("\0")
        mails = [email.message_from_string(text, policy=email.policy.default) for text in texts]
        return [html.unescape(mail.get_body().get_content()) for mail in mails if mail["Subject"] == subject]
