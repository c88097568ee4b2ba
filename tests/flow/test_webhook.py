"""An alias that somebody moves in MLflow: MLflow's webhook has production verified at once, and people are notified."""

import base64
import hashlib
import hmac
import json
import time
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from desk import PATIENCE, Desk, Registry

from galley.settings import Settings

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
        registry = Hooked(Settings.from_environment(project.environment))
    yield registry
    registry.stop()


@pytest.fixture(scope="module")
def desk(project, registry, receiver):
    """An Airflow that knows the secret, and an MLflow that tells it when an alias is set."""
    environment = {
        "GALLEY_ALERT_URLS": receiver.url,
        "MLFLOW_TRACKING_URI": registry.url,
        "AIRFLOW_CONN_GALLEY_WEBHOOK": json.dumps({"conn_type": "generic", "password": SECRET}),
    }
    desk = Desk.open(project.home, project.ports["AIRFLOW"], project.environment | environment)
    registry.ask(
        "POST",
        "webhooks",
        name="galley",
        url=address(desk),
        secret=SECRET,
        events=[{"entity": "MODEL_VERSION_ALIAS", "action": action} for action in ("CREATED", "DELETED")],
    )
    registry.ask("POST", "registered-models/create", name=ALIAS["name"])
    registry.ask("POST", "model-versions/create", name=ALIAS["name"], source="s3://galley/nothing")
    yield desk
    desk.close()


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


def test_a_champion_that_is_set_in_mlflow_alerts_at_once(desk, registry, receiver):
    before, alerts = len(runs(desk)), len(receiver.received)
    registry.ask("POST", "registered-models/alias", **{**ALIAS, "alias": "challenger"})
    registry.ask("POST", "registered-models/alias", **ALIAS)
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
