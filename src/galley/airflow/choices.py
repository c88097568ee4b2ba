"""Choices: what the form that triggers a rollback suggests, read each time the DAG file is."""

import base64
import json
from contextlib import suppress

from galley.airflow import configuration
from galley.errors import GalleyError
from galley.proof.decision import APPROVE, FOLDER, ROLLBACK
from galley.storage import files

_SUGGESTED = 20
"""Decisions, from the newest back, that are looked through."""
_LARGEST = 1_000_000


def approved_versions(dag_id: str) -> list[str]:
    """The versions of a DAG's model that were approved or rolled back to last, newest first, for a Param's `examples`.

    Suggestions, read without checking a signature: the rollback itself refuses what no signed statement approves of.
    None where outputs are in a bucket, which a DAG file does not wait for.
    """
    with suppress(GalleyError, OSError, ValueError, KeyError, TypeError):
        settings = configuration.settings().for_model(dag_id=dag_id)
        if not files.is_remote(settings.outputs):
            folder = settings.outputs / FOLDER / files.safe_name(settings.model.name)
            newest = sorted(name for name in files.listed(folder) if name[0] != ".")[: -_SUGGESTED - 1 : -1]
            decided = [_decided(files.read_regular(folder / name, _LARGEST)) for name in newest]
            return list(dict.fromkeys(version for version, is_approved in decided if is_approved))
    return []


def _decided(content: bytes) -> tuple[str, bool]:
    said = json.loads(base64.b64decode(json.loads(content)["payload"]))["predicate"]["decided"]
    return str(said["version"]), said["decision"] in (APPROVE, ROLLBACK)
