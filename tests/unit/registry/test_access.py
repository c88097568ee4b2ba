"""MLflow's server as the stack starts it: what stages may do in the registry, and what only an administrator may."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from shapes import EXAMPLE, Shape
from tiny_model import ROWS, answer, register, review, roll_back

from galley.errors import RegistryRefused
from galley.local import ports
from galley.proof.decision import DECISION_TAG, DIGEST_TAG, DS_TAG
from galley.registry import promotion
from galley.registry.models import CHALLENGER, CHAMPION, connect
from galley.registry.versions import Registered
from galley.settings import Settings

ROOT = Path(__file__).parents[3]
PASSWORDS = {"galley": "the administrator's", "stages": "that of stages"}
MODEL = "raw"
NAMED = {"name": MODEL}
VERSION = NAMED | {"version": "1"}
REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "registered-models/alias", VERSION | {"alias": CHAMPION}),
    ("POST", "registered-models/alias", VERSION | {"alias": "previous_champion"}),
    ("DELETE", "registered-models/alias", NAMED | {"alias": CHAMPION}),
    ("POST", "registered-models/set-tag", NAMED | {"key": "galley.champion/2026", "value": "{}"}),
    ("POST", "registered-models/rename", NAMED | {"new_name": "away"}),
    ("DELETE", "registered-models/delete", NAMED),
    ("DELETE", "model-versions/delete", VERSION),
    ("PATCH", "model-versions/update", VERSION | {"description": "approved by ada"}),
    ("POST", "model-versions/set-tag", VERSION | {"key": DECISION_TAG, "value": "Approve"}),
    ("POST", "model-versions/set-tag", VERSION | {"key": "galley.statement", "value": "1 sha256"}),
    ("POST", "model-versions/set-tag", VERSION | {"key": "galley.last_moves", "value": "{}"}),
    ("DELETE", "model-versions/delete-tag", VERSION | {"key": DS_TAG}),
]


class Server:
    """MLflow's server on a folder, with the app and the users of the stack."""

    def __init__(self, folder: Path, database: Path, stages: str = PASSWORDS["stages"]) -> None:
        port, self.folder = ports.free(), folder
        shutil.copy(database, folder / "mlflow.db")
        self.url = f"http://127.0.0.1:{port}"
        configured = (ROOT / "deploy/mlflow/auth.ini").read_text().replace("/mlflow/users.db", f"{folder}/users.db")
        (folder / "auth.ini").write_text(configured)
        command = [sys.executable, "-m", "mlflow", "server", "--workers=1", f"--port={port}", "--app-name=galley"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("GALLEY_", "MLFLOW_"))}
        self._process = subprocess.Popen(
            [*command, f"--artifacts-destination={folder}/artifacts"],
            cwd=folder,
            env=environment
            | {
                "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORDS["galley"],
                "MLFLOW_AUTH_ADMIN_USERNAME": "galley",
                "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
                "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{folder}/mlflow.db",
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "MLFLOW_FLASK_SERVER_SECRET_KEY": "secret",
                "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                "MLFLOW_STAGES_PASSWORD": stages,
            },
            start_new_session=True,
        )
        while not ports.is_open(port):
            assert self._process.poll() is None
            time.sleep(0.2)

    def stop(self) -> None:
        os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(timeout=60)

    def ask(
        self, user: str, method: str, path: str, body: dict[str, Any], api: str = "api", using: str = ""
    ) -> requests.Response:
        who = (user, using or PASSWORDS[user])
        return requests.request(method, f"{self.url}/{api}/2.0/mlflow/{path}", json=body, auth=who, timeout=30)

    def must(self, user: str, path: str, body: dict[str, Any]) -> Any:
        answered = self.ask(user, "POST", path, body)
        assert answered.status_code == 200, answered.text
        return answered.json()

    def register(self, tags: dict[str, str]) -> requests.Response:
        """Log a run and register a version of it, as stages."""
        run = self.must("stages", "runs/create", {"experiment_id": "0"})["run"]["info"]
        source = {"source": f"{run['artifact_uri']}/model", "run_id": run["run_id"]}
        listed = [{"key": key, "value": value} for key, value in tags.items()]
        return self.ask("stages", "POST", "model-versions/create", NAMED | source | {"tags": listed})


@contextmanager
def serving(folder: Path, database: Path, **given: str) -> Iterator[Server]:
    server = Server(folder, database, **given)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Server]:
    """A server with a model of one version, which stages registered."""
    with serving(tmp_path_factory.mktemp("server"), empty_database) as server:
        server.must("stages", "registered-models/create", NAMED)
        assert server.register({DS_TAG: "2026-11-23", f"{DIGEST_TAG}model": "0" * 64}).status_code == 200
        yield server


@pytest.fixture
def shape() -> Shape:
    return EXAMPLE


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Be a user of the server from here on."""

    def do(user: str) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORDS[user])

    return do


@pytest.fixture
def settings(settings: Settings, server: Server, become: Callable[[str], None]) -> Settings:
    """A project that has the server, and is there as stages."""
    become("stages")
    return Settings.from_environment({"GALLEY_HOME": str(settings.home), "MLFLOW_TRACKING_URI": server.url})


@pytest.mark.parametrize("api", ["api", "ajax-api"])
@pytest.mark.parametrize(("method", "path", "body"), REFUSED)
def test_stages_change_nothing_that_says_what_is_in_production(
    server: Server, method: str, path: str, body: dict[str, Any], api: str
) -> None:
    refused = server.ask("stages", method, path, body, api)
    assert refused.status_code == 403, refused.text
    assert "only an administrator of MLflow may change" in refused.json()["message"]


def test_a_version_is_not_registered_with_a_decision(server: Server) -> None:
    assert server.register({DS_TAG: "2026-11-23", DECISION_TAG: "Approve"}).status_code == 403


def test_a_model_is_not_made_with_a_journal(server: Server) -> None:
    body = {"name": "another", "tags": [{"key": "galley.champion/2026", "value": "{}"}]}
    assert server.ask("stages", "POST", "registered-models/create", body).status_code == 403


def test_stages_log_runs_register_versions_and_name_the_challenger(server: Server) -> None:
    version = server.register({DS_TAG: "2026-11-24"}).json()["model_version"]["version"]
    of_it = NAMED | {"version": version}
    server.must("stages", "model-versions/set-tag", of_it | {"key": f"{DIGEST_TAG}model", "value": "0" * 64})
    server.must("stages", "model-versions/set-tag", of_it | {"key": "theme", "value": "winter"})
    server.must("stages", "registered-models/alias", of_it | {"alias": CHALLENGER})


def test_who_does_not_log_in_is_asked_to_and_not_told_of_rights(server: Server) -> None:
    refused = server.ask("stages", *REFUSED[0], using="another")
    assert refused.status_code == 401


def test_a_model_that_stages_registered_is_promoted_and_rolled_back_by_an_administrator(
    become: Callable[[str], None], settings: Settings, train: Callable[..., Any]
) -> None:
    for ds in ("2026-11-23", "2026-11-24"):
        become("stages")
        day = train(ds)
        version = register(day, {"roc_auc": 0.75})
        review(day, version, champion="" if ds == "2026-11-23" else "1")
        with pytest.raises(RegistryRefused, match="does not let the user stages do this"):
            answer(day, "Approve")
        become("galley")
        promotion.record(day)
        become("stages")
        with pytest.raises(RegistryRefused, match="only an administrator of MLflow may change"):
            promotion.promote(day, ROWS)
        become("galley")
        assert promotion.promote(day, ROWS).version == version
    become("stages")
    with pytest.raises(RegistryRefused):
        roll_back(day)
    become("galley")
    assert roll_back(day).version == "1"
    champion = Registered(connect(settings), settings).alias(CHAMPION)
    assert champion is not None
    assert champion.version == "1"


def test_the_password_of_stages_is_the_one_that_the_server_was_last_started_with(
    server: Server, tmp_path: Path, empty_database: Path
) -> None:
    search = ("POST", "runs/search", {"experiment_ids": ["0"]})
    assert server.ask("stages", *search).status_code == 200
    shutil.copy(server.folder / "users.db", tmp_path)
    with serving(tmp_path, empty_database, stages="a new one, at least") as again:
        assert again.ask("stages", *search).status_code == 401
        assert again.ask("stages", *search, using="a new one, at least").status_code == 200
