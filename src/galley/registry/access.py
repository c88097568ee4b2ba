"""Access: who may change what in MLflow's registry. An app for MLflow's server: `mlflow server --app-name=galley`.

It is MLflow's basic-auth with one more rule, because there the right EDIT is enough both for registering a version and
for moving an alias. Here only administrators change what says which version is in production. Other users may register
models and versions, tag them and name the challenger. When it starts, the server makes the user `stages`, which every
stage uses that does not move production.

Only MLflow's server imports this module.
"""

import os
from collections.abc import Callable, Iterable
from typing import Any

from flask import request
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
from mlflow.protos.model_registry_pb2 import (
    CreateModelVersion,
    CreateRegisteredModel,
    GetLatestVersions,
    ModelRegistryService,
    SetModelVersionTag,
    SetRegisteredModelAlias,
)
from mlflow.server import app, auth, handlers
from mlflow.server.auth.permissions import EDIT

from galley.errors import SettingsError
from galley.proof.decision import DIGEST_TAG, DS_TAG
from galley.registry.models import CHALLENGER
from galley.registry.versions import TRAINED_ON

STAGES = "stages"
PASSWORD = "MLFLOW_STAGES_PASSWORD"  # noqa: S105 - the variable's name
_OF_GALLEY = "galley."
_OF_A_TRAINING = (DS_TAG, TRAINED_ON)
_OTHERS_MAY: dict[type, Callable[[Any], bool]] = {
    CreateRegisteredModel: lambda asked: _record_no_decision(asked.tags),
    CreateModelVersion: lambda asked: _record_no_decision(asked.tags),
    SetModelVersionTag: lambda asked: _record_no_decision([asked]),
    SetRegisteredModelAlias: lambda asked: asked.alias == CHALLENGER,
}
"""The changes that users may make who are not administrators, and when."""
_CHANGES = {
    (path, method): kind
    for path, kind, methods in handlers.get_service_endpoints(ModelRegistryService, lambda kind: kind)
    for method in methods
    if method != "GET" and kind is not GetLatestVersions
}
"""Every request that changes the registry, by route and method."""


def create_app() -> Any:
    """MLflow's server with its users and this rule. Raises SettingsError if the password of `stages` is not set."""
    password = os.environ.get(PASSWORD)
    if not password:
        raise SettingsError(f"{PASSWORD} is not set. Set it to the password of the user {STAGES}.")
    served = auth.create_app(app)
    app.before_request(require_right)  # after MLflow's own, which knows who asks
    _make_stages(password)
    return served


@handlers.catch_mlflow_exception  # type: ignore[untyped-decorator]
def require_right() -> None:
    """Refuse a request that only an administrator may make, with 403 and what to do."""
    kind = _CHANGES.get((str(request.url_rule), request.method))
    if kind is None or auth.sender_is_admin():
        return
    may = _OTHERS_MAY.get(kind)
    if may is None or not may(handlers._get_request_message(kind())):
        raise MlflowException(
            f"{kind.__name__}: only an administrator of MLflow may change what says which version is in production. "
            "A stage that moves production needs the connection of such a user: mlflow_conn_id.",
            PERMISSION_DENIED,
        )


def _record_no_decision(tags: Iterable[Any]) -> bool:
    """Whether no tag is one of galley's own, except those that a version is registered with."""
    keys = [tag.key for tag in tags if tag.key.startswith(_OF_GALLEY)]
    return all(key in _OF_A_TRAINING or key.startswith(DIGEST_TAG) for key in keys)


def _make_stages(password: str) -> None:
    """Make the user, or set its password. It may edit every experiment and every model."""
    if auth.store.has_user(STAGES):
        auth.store.update_user(STAGES, password=password)
    else:
        auth.store.create_user(STAGES, password)
    for kind in ("experiment", "registered_model"):
        auth.store.grant_user_permission(STAGES, kind, "*", EDIT.name)
