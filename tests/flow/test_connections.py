"""What Airflow's connections give: the key that answers are signed with, and the secret that MLflow's webhook knows.

The key is changed while Airflow runs and a review waits, as docs/audit.md says. An alias that somebody moves in MLflow
has production verified at once, and people are notified.
"""

import base64
import hashlib
import hmac
import json
import re
import time
from datetime import UTC, datetime
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from desk import DAG, PATIENCE, Desk, Registry, galley

from galley.proof.decision import stamp
from galley.settings import Settings

FIRST, SECOND = "2026-11-16", "2026-11-23"
SECRET = "a secret of these tests"  # noqa: S105
ALIAS = {"name": "flights-late", "alias": "champion", "version": "1"}


class Hooked(Registry):
    """A registry with webhooks on, to addresses of this machine too."""

    def ask(self, method, path, **body):
        request = Request(  # noqa: S310 - our own server
            f"{self.url}/api/2.0/mlflow/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
            method=method,
        )
        with urlopen(request, timeout=60) as answer:  # noqa: S310
            return json.load(answer)


@pytest.fixture(scope="module")
def registry(project):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")
        patch.setenv("MLFLOW_WEBHOOK_ALLOWED_SCHEMES", "http")
        patch.setenv("MLFLOW_WEBHOOK_CACHE_TTL", "0")  # else it misses for a minute that there is one
        registry = Hooked(Settings.from_environment(project.environment))
    yield registry
    registry.stop()


@pytest.fixture(scope="module")
def desk(project, registry, receiver):
    """One model in production, decided by the former key, and one whose review waits."""
    environment = {
        "GALLEY_ALERT_URLS": receiver.url,
        "GALLEY_REVIEWERS": "ada grace",
        "MLFLOW_TRACKING_URI": registry.url,
        "AIRFLOW_CONN_GALLEY_WEBHOOK": json.dumps({"conn_type": "generic", "password": SECRET}),
    }
    desk = Desk.open(project.home, project.ports["AIRFLOW"], project.environment | environment)
    for ds in (FIRST, SECOND):
        desk.trigger("generate_data", ds, source="synthetic", rows=300)
    for ds in (FIRST, SECOND):  # before the weeks, which look for it once a minute
        desk.wait(ds, "generate", "success", dag="generate_data")
    desk.trigger(DAG, FIRST, settings={"max_iter": 5})
    desk.answer(FIRST, "Approve", "better than guessing")
    desk.wait(FIRST, "promote", "success")
    desk.trigger(DAG, SECOND, settings={"max_iter": 10})
    desk.wait(SECOND, "approval", "awaiting_input")
    yield desk
    desk.close()


@pytest.fixture(scope="module")
def former(desk, project, registry):
    """The former private key, whose time is over: a new one signs."""
    private = project.home / "private-key"
    assert galley(project, registry, "keys", "generate", "2026", "--private", str(private)).returncode == 0
    former = sign_with(desk, private.read_text())
    with (project.home / "keys/embedded.toml").open("a") as public:
        public.write(f"not_after = {stamp(datetime.now(UTC))}\n")
    return former


def sign_with(desk, private):
    """Give the connection another key; returns the one that it had."""
    path = desk.settings.home / ".airflow/connections.json"
    connections = json.loads(path.read_text())
    had = connections["galley_signing"]["password"]
    connections["galley_signing"]["password"] = private
    path.write_text(json.dumps(connections))
    return had


def signers(desk):
    """The ids of the keys that signed each statement, in their order."""
    statements = sorted((desk.settings.outputs / "decisions" / desk.settings.model.name).glob("*.json"))
    return [json.loads(path.read_text())["signatures"][0]["keyid"] for path in statements]


def test_an_answer_is_signed_by_the_new_key_and_what_the_former_one_signed_still_counts(
    desk, project, registry, former
):
    desk.answer(SECOND, "Approve", "better than the first")
    desk.wait(SECOND, "promote", "success")
    ids = {line.split()[1]: line.split()[0] for line in galley(project, registry, "keys", "list").stdout.splitlines()}
    assert signers(desk) == [ids["embedded"], ids["2026"]]
    for words in ((), (FIRST,), (SECOND,)):
        done = galley(project, registry, "verify", *words)
        assert (done.returncode, done.stdout.splitlines()[-1].endswith("findings: 0")) == (0, True), done.stdout
    assert registry.champion() == "2"


def test_nobody_is_asked_whose_answer_the_former_key_would_sign(desk, former):
    before = signers(desk)
    new = sign_with(desk, former)
    try:
        desk.clear(FIRST, "approval")
        desk.wait(FIRST, "approval", "failed")
    finally:
        sign_with(desk, new)
    assert re.search(r"The key embedded \(\w+\) was valid until", desk.log(FIRST, "approval"))
    assert signers(desk) == before


def address(desk):
    return f"http://127.0.0.1:{desk.port}/galley/webhook/alias"


def runs(desk):
    return desk.ask("GET", "dags/verify_daily/dagRuns")["dag_runs"]


def send(desk, signature=None, delivery="forged", sent=None):
    """Send what MLflow would, signed as MLflow signs it unless a signature is given."""
    message = json.dumps({"entity": "model_version_alias", "action": "created", "data": ALIAS}).encode()
    timestamp = str(int(sent or time.time()))
    signed = hmac.digest(SECRET.encode(), f"{delivery}.{timestamp}.".encode() + message, "sha256")
    headers = {
        "X-MLflow-Signature": f"v1,{base64.b64encode(signed).decode()}" if signature is None else signature,
        "X-MLflow-Timestamp": timestamp,
        "X-MLflow-Delivery-Id": delivery,
    }
    with urlopen(Request(address(desk), message, headers), timeout=60) as answer:  # noqa: S310 - our own server
        return answer.status


@pytest.fixture
def hooked(desk, registry):
    """MLflow tells Airflow when an alias is set, while this lasts; returns the version that is not in production.

    Afterwards the other one is in production again.
    """
    said = registry.ask(
        "POST",
        "webhooks",
        name="galley",
        url=address(desk),
        secret=SECRET,
        events=[{"entity": "MODEL_VERSION_ALIAS", "action": action} for action in ("CREATED", "DELETED")],
    )
    champion = registry.champion()
    yield {"1": "2", "2": "1"}[champion]
    registry.ask("DELETE", f"webhooks/{said['webhook']['webhook_id']}")
    registry.ask("POST", "registered-models/alias", **ALIAS | {"version": champion})


def test_a_champion_that_is_set_in_mlflow_alerts_at_once(desk, registry, receiver, hooked):
    before, alerts = len(runs(desk)), len(receiver.received)
    for alias in ("challenger", "champion"):
        registry.ask("POST", "registered-models/alias", **ALIAS | {"alias": alias, "version": hooked})
    deadline = time.monotonic() + PATIENCE
    while not any("verify_daily" in alert["title"] for alert in receiver.received[alerts:]):
        assert time.monotonic() < deadline, runs(desk)
        time.sleep(0.5)
    alert = next(alert for alert in receiver.received[alerts:] if "verify_daily" in alert["title"])
    assert "production is not what was decided: models:/flights-late@champion" in alert["message"]
    assert len(runs(desk)) == before + 1
    assert {run["triggering_user_name"] for run in runs(desk)} == {"MLflow"}


@pytest.mark.parametrize("signature", ["", "v1,", "v1,AAAA", hashlib.sha256(SECRET.encode()).hexdigest()])
def test_what_mlflow_did_not_sign_runs_nothing(desk, signature):
    before = len(runs(desk))
    with pytest.raises(HTTPError, match="401"):
        send(desk, signature)
    assert len(runs(desk)) == before


def test_what_mlflow_signed_counts_once_and_not_when_it_is_old(desk):
    before = len(runs(desk))
    assert [send(desk, delivery="twice") for _ in range(2)] == [204, 204]
    with pytest.raises(HTTPError, match="401"):
        send(desk, delivery="late", sent=time.time() - 3600)
    assert len(runs(desk)) == before + 1
