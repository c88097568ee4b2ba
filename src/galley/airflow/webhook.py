"""Webhook: MLflow says that an alias moved, and the DAG that verifies the model runs at once.

No session comes with it: what MLflow sends is signed with a secret, the password of the connection galley_webhook. All
that whoever has the secret can do is to have production checked.
"""

import base64
import hashlib
import hmac
import json
import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Request, Response

from galley.airflow import compat
from galley.registry.models import CHAMPION
from galley.settings import Settings

CONNECTION = "galley_webhook"
"""The connection whose password is the secret; without it nothing is listened to."""

_LARGEST = 100_000
"""Bytes of a message."""
_OLDEST = 300
"""Seconds after which a message does not count any more, as somebody may send it again."""

router = APIRouter()


def make_app(settings: Settings) -> FastAPI:
    """An application of its own: the one of the reports asks for a session."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.settings = settings
    app.include_router(router)
    return app


async def _content(request: Request) -> bytes:
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > _LARGEST:
            raise HTTPException(413)
    return content


@router.post("/alias", status_code=204)
def alias_moved(
    request: Request,
    content: Annotated[bytes, Depends(_content)],
    x_mlflow_signature: Annotated[str, Header()] = "",
    x_mlflow_timestamp: Annotated[str, Header()] = "",
    x_mlflow_delivery_id: Annotated[str, Header(max_length=100)] = "",
) -> Response:
    """Run the DAG that verifies the model whose champion was set or taken away; once for each message."""
    secret = compat.connection_password(CONNECTION)
    if not secret:
        raise HTTPException(404)
    signed = b".".join((x_mlflow_delivery_id.encode(), x_mlflow_timestamp.encode(), content))
    if not hmac.compare_digest(x_mlflow_signature.encode(), _signature(secret, signed)) or _is_old(x_mlflow_timestamp):
        raise HTTPException(401)
    dag_id = _verifies(json.loads(content), request.app.state.settings)
    if dag_id:
        compat.trigger(dag_id, f"webhook__{x_mlflow_delivery_id}", "MLflow")
    return Response(status_code=204)


def _signature(secret: str, signed: bytes) -> bytes:
    return b"v1," + base64.b64encode(hmac.digest(secret.encode(), signed, hashlib.sha256))


def _is_old(timestamp: str) -> bool:
    """Whether a message was sent too long ago; its time is part of what is signed."""
    return abs(time.time() - int(timestamp)) > _OLDEST


def _verifies(message: dict[str, Any], settings: Settings) -> str:
    """The DAG that verifies the model of a message; blank if it is about something else."""
    moved = message["data"]
    is_champion = message.get("entity") == "model_version_alias" and moved["alias"] == CHAMPION
    model = settings.project.models.get(moved["name"]) if is_champion else None
    return model.verify if model else ""
