"""Reaching the registry, and what a name, a URI or a path resolves to."""

import socket
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient
from tiny_model import register

from galley.days import Day
from galley.errors import DecisionError, ModelNotFound, Permanent, RegistryRefused, RegistryUnavailable, SettingsError
from galley.registry import folder, models, versions
from galley.settings import Settings

Make = Callable[..., Day]


def test_connecting_makes_the_experiment_with_its_artifacts_beside_the_database(
    settings: Settings, client: MlflowClient
) -> None:
    experiment = client.get_experiment_by_name(settings.model.name)
    assert experiment is not None
    assert experiment.artifact_location == (settings.data / "mlflow" / "artifacts").as_uri()
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"  # MLflow opens it as one of models


def test_a_registry_that_is_down_is_said_to_be(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RegistryUnavailable, match=address):
            models.connect(replace(settings, tracking_uri=address))


def test_a_registry_that_accepts_and_says_nothing_is_given_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"http://127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(RegistryUnavailable, match="does not answer"):
            models.connect(replace(settings, tracking_uri=address))


def test_a_registry_that_breaks_while_it_is_asked_is_unavailable(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_answer, args=(server, "500 Oops"), daemon=True).start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(RegistryUnavailable):
            models.resolve("", replace(settings, tracking_uri=address))


@pytest.mark.parametrize("body", ["{}", "<html>Sign in</html>", "[]", "null", ""])
def test_what_answers_and_is_no_registry_is_unavailable(settings: Settings, body: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_answer, args=(server, "200 OK", body), daemon=True).start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(RegistryUnavailable):
            models.resolve("", replace(settings, tracking_uri=address))


def test_a_deleted_experiment_stops_no_prediction_and_a_training_hears_how_to_restore_it(
    settings: Settings, client: MlflowClient, promote: Make
) -> None:
    promote("2026-11-23")
    experiment = client.get_experiment_by_name(settings.model.name)
    assert experiment is not None
    client.delete_experiment(experiment.experiment_id)
    assert models.resolve("", settings).version == "1"
    with pytest.raises(SettingsError, match=f"restore --experiment-id {experiment.experiment_id}"):
        models.connect(settings)
    client.restore_experiment(experiment.experiment_id)
    models.connect(settings)


def test_the_latest_version_is_known_by_its_number(settings: Settings, train: Make) -> None:
    with pytest.raises(ModelNotFound, match="has no version"):
        models.resolve(f"models:/{settings.model.name}/latest", settings)
    for ds in ("2026-11-16", "2026-11-23"):
        register(train(ds), {})
    assert models.resolve(f"models:/{settings.model.name}/latest", settings).version == "2"


def test_a_registry_whose_database_somebody_locked_is_unavailable(settings: Settings) -> None:
    models.connect(settings)
    with closing(sqlite3.connect(settings.tracking_uri.removeprefix("sqlite:///"), isolation_level=None)) as somebody:
        somebody.execute("begin exclusive")
        with pytest.raises(RegistryUnavailable, match="locked"):
            models.connect(replace(settings, tracking_uri=f"{settings.tracking_uri}?timeout=0"))


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("401 UNAUTHORIZED", r"refuses the user ada\. Set MLFLOW_TRACKING_USERNAME"),
        ("403 FORBIDDEN", r"does not let the user ada do this\. .* mlflow_conn_id"),
    ],
)
@pytest.mark.parametrize("uri", ["", "models:/tiny/1"])
def test_a_registry_that_refuses_the_user_is_not_said_to_be_down_and_not_asked_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, status: str, advice: str, uri: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "sesame")
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_answer, args=(server, status), daemon=True).start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(RegistryRefused, match=advice) as raised:
            models.resolve(uri, replace(settings, tracking_uri=address))
    assert isinstance(raised.value, Permanent)
    assert "sesame" not in str(raised.value)


def _answer(server: socket.socket, status: str, body: str = "") -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.recv(65536)
            head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            connection.sendall(f"{head}{body}".encode())


def test_the_password_of_a_registry_is_in_no_message(settings: Settings) -> None:
    with pytest.raises(RegistryUnavailable) as raised:
        models.connect(replace(settings, tracking_uri="http://ada:sesame@127.0.0.1:1"))
    assert "sesame" not in str(raised.value)


@pytest.mark.parametrize("uri", ["", "champion", "models:/tiny@champion", "models:/tiny/7", "models:/nope@champion"])
def test_a_registry_without_the_model_says_so(settings: Settings, uri: str) -> None:
    with pytest.raises(ModelNotFound, match="Have one approved"):
        models.resolve(uri, settings)


@pytest.mark.parametrize(
    "uri", ["models/2026-11-23", "/nowhere", "runs:/abc/model", "models:/m-123", "file:///nowhere", "nope://x"]
)
def test_a_model_uri_that_does_not_resolve_is_refused_by_name(settings: Settings, uri: str) -> None:
    with pytest.raises(ModelNotFound, match=uri):
        models.resolve(uri, settings)


def test_a_path_may_be_absolute_or_start_at_the_data_folder(settings: Settings, train: Make) -> None:
    day = train("2026-11-23")
    relative = models.resolve("models/2026-11-23", settings)
    assert relative.path == models.resolve(str(day.models), settings).path == day.models
    assert relative.load().classes_.tolist() == [0, 1]


def test_metrics_beside_the_model_do_not_change_its_digest(train: Make) -> None:
    day = train("2026-11-23")
    before = folder.model_digest(day.models)
    (day.models / "metrics.json").write_text("{}")
    assert folder.model_digest(day.models) == before
    (day.models / "model.skops").write_bytes(b"another")
    assert folder.model_digest(day.models) != before


def test_a_folder_that_is_no_sklearn_model_does_not_load(settings: Settings, train: Make) -> None:
    day = train("2026-11-23")
    (day.models / "model.skops").write_bytes(b"broken")
    with pytest.raises(ModelNotFound, match="does not load"):
        models.resolve("models/2026-11-23", settings).load()


def test_the_champion_resolves_to_its_version_and_the_bytes_that_were_registered(
    settings: Settings, promote: Make
) -> None:
    day = promote("2026-11-23")
    model = models.resolve("", settings)
    assert (model.version, model.digest) == ("1", folder.model_digest(day.models))


def test_a_champion_without_a_decision_is_refused(settings: Settings, client: MlflowClient, train: Make) -> None:
    register(train("2026-11-23"), {})
    client.set_registered_model_alias(settings.model.name, "champion", "1")
    with pytest.raises(DecisionError, match="names no signed statement"):
        models.resolve("champion", settings)


def test_a_version_by_its_number_needs_no_decision(settings: Settings, train: Make) -> None:
    register(train("2026-11-23"), {})
    assert models.resolve(f"models:/{settings.model.name}/1", settings).version == "1"


def test_an_alias_moved_behind_the_record_is_refused_though_that_version_was_approved(
    settings: Settings, client: MlflowClient, promote: Make
) -> None:
    promote("2026-11-16")
    promote("2026-11-23")
    client.set_registered_model_alias(settings.model.name, "champion", "1")
    with pytest.raises(DecisionError, match="by record it is version 2"):
        models.resolve("", settings)


def test_a_registered_model_whose_files_changed_is_refused(
    settings: Settings, client: MlflowClient, promote: Make
) -> None:
    promote("2026-11-23")
    artifacts = Path(client.get_model_version_download_uri(settings.model.name, "1").removeprefix("file://"))
    (artifacts / "model.skops").write_bytes(b"another")
    with pytest.raises(DecisionError, match="are not those that ada decided on"):
        models.resolve("", settings)


def test_the_approved_are_the_newest_and_the_champion_whatever_its_age(
    settings: Settings, client: MlflowClient, promote: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote("2026-11-02")
    name, origin = settings.model.name, client.get_model_version(settings.model.name, "1")
    for decision in ("Approve", "Reject", "Approve", "Approve"):
        client.create_model_version(name, origin.source, tags={"galley.decision": decision})
    monkeypatch.setattr(versions, "_RECENT", 2)
    assert [one.version for one in versions.Registered(client, settings).approved()] == ["5", "4", "1"]


def test_a_version_that_is_not_there_is_none_and_to_find_it_names_those_there_are(
    settings: Settings, client: MlflowClient, promote: Make
) -> None:
    promote("2026-11-02")
    looked = versions.Registered(client, settings)
    assert [looked.get(version) for version in ("", "7", "no number")] == [None] * 3
    with pytest.raises(DecisionError, match=r"no version '7'. Give one of 1\."):
        looked.find("7")
