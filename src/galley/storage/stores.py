"""Stores: where S3 and Google Cloud Storage differ: what names a version of an object, and what a write depends on."""

import json
import os
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote

from galley.errors import SettingsError


class NoSuchCondition(Exception):
    """A store says that it knows no condition of that kind."""


class Store(Protocol):
    """A kind of object store, as `galley.storage.bucket` asks it through a file system of fsspec's."""

    scheme: str
    extra: str
    """The extra of the package that brings its library."""
    library: str
    access: str
    """What a person sets for it to be reached."""
    conditions: tuple[str, str]
    """What a write depends on, as the store calls it: on an object's absence, and on its version."""
    nobodys: str
    """A version that no object has."""

    def prepare(self) -> None:
        """Settle what its library reads when it is imported."""

    def unreachable(self) -> tuple[type[BaseException], ...]:
        """What its library raises where the store does not answer."""

    def version(self, facts: dict[str, Any]) -> str:
        """What names the version of an object, of what the file system says of it."""

    def changed(self, facts: dict[str, Any]) -> datetime:
        """When an object was stored, by the store's own clock."""

    def read(self, system: Any, key: str) -> tuple[bytes, str]:
        """What an object holds, and its version. Raises FileNotFoundError."""

    def write_if(self, system: Any, key: str, content: bytes, version: str | None) -> str | None:
        """Store an object if it has that version, or with None if it is not there; the new version, or None.

        Raises NoSuchCondition.
        """


class S3:
    """Amazon's S3, and whatever speaks its protocol: a version is an ETag."""

    scheme, extra, library = "s3://", "s3", "s3fs"
    access = "AWS_ENDPOINT_URL and the other AWS_ variables"
    conditions = ("If-None-Match", "If-Match")
    nobodys = f'"{"0" * 32}"'

    def prepare(self) -> None:
        """See Store."""

    def unreachable(self) -> tuple[type[BaseException], ...]:
        """See Store."""
        from botocore.exceptions import BotoCoreError  # type: ignore[import-untyped]

        return BotoCoreError, TimeoutError

    def version(self, facts: dict[str, Any]) -> str:
        """See Store."""
        return str(facts["ETag"])

    def changed(self, facts: dict[str, Any]) -> datetime:
        """See Store."""
        when: datetime = facts["LastModified"]
        return when

    def read(self, system: Any, key: str) -> tuple[bytes, str]:
        """See Store."""
        from fsspec.asyn import sync  # type: ignore[import-untyped]

        bucket, _, name = key.partition("/")
        found = system.call_s3("get_object", Bucket=bucket, Key=name)
        return sync(system.loop, found["Body"].read), str(found["ETag"])

    def write_if(self, system: Any, key: str, content: bytes, version: str | None) -> str | None:
        """See Store."""
        bucket, _, name = key.partition("/")
        condition = {"IfNoneMatch": "*"} if version is None else {"IfMatch": version}
        try:
            stored = system.call_s3("put_object", Bucket=bucket, Key=name, Body=content, **condition)
        except OSError as error:
            code = getattr(error.__cause__, "response", {}).get("Error", {}).get("Code")
            if code in ("PreconditionFailed", "ConditionalRequestConflict"):
                return None
            if code == "NotImplemented":
                raise NoSuchCondition from error
            raise
        return str(stored["ETag"])


class GCS:
    """Google Cloud Storage: a version is a generation."""

    scheme, extra, library = "gs://", "gcs", "gcsfs"
    access = "GOOGLE_APPLICATION_CREDENTIALS, or STORAGE_EMULATOR_HOST of a store that is not Google's"
    conditions = ("ifGenerationMatch=0", "ifGenerationMatch")
    nobodys = "1"

    def prepare(self) -> None:
        """See Store."""
        # Of its two classes the newer one asks by gRPC, whose threads no fork survives, of which kind a bucket is, for
        # one that galley does not use. The variable spares its import, unless somebody has imported gcsfs before, as
        # Papermill does.
        from fsspec import register_implementation  # type: ignore[import-untyped]

        os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        for scheme in ("gs", "gcs"):
            register_implementation(scheme, "gcsfs.core.GCSFileSystem", clobber=True)

    def unreachable(self) -> tuple[type[BaseException], ...]:
        """See Store."""
        from aiohttp import ClientError
        from gcsfs.retry import HttpError  # type: ignore[import-untyped]
        from google.auth.exceptions import GoogleAuthError

        return ClientError, GoogleAuthError, HttpError, TimeoutError

    def version(self, facts: dict[str, Any]) -> str:
        """See Store."""
        return str(facts["generation"])

    def changed(self, facts: dict[str, Any]) -> datetime:
        """See Store."""
        when: datetime = facts["mtime"]
        return when

    def read(self, system: Any, key: str) -> tuple[bytes, str]:
        """See Store."""
        bucket, _, name = key.partition("/")
        # Content and generation in one answer: asked for one after the other, they could be of two versions.
        path = f"{system._location}/download/storage/v1/b/{quote(bucket)}/o/{quote(name, safe='')}"
        said, content = system.call("GET", path, alt="media")
        return bytes(content), str(said["X-Goog-Generation"])

    def write_if(self, system: Any, key: str, content: bytes, version: str | None) -> str | None:
        """See Store."""
        bucket, _, name = key.partition("/")
        kind, end = f"part-{os.urandom(16).hex()}", "\r\n"
        parts = (
            f"--{kind}{end}Content-Type: application/json{end}{end}{json.dumps({'name': name})}{end}"
            f"--{kind}{end}Content-Type: application/octet-stream{end}{end}"
        )
        try:
            stored = system.call(
                "POST",
                f"{system._location}/upload/storage/v1/b/{quote(bucket)}/o",
                uploadType="multipart",
                ifGenerationMatch=version or "0",
                headers={"Content-Type": f"multipart/related; boundary={kind}"},
                data=parts.encode() + content + f"{end}--{kind}--".encode(),
                json_out=True,
            )
        except FileExistsError:
            return None
        return str(stored["generation"])


STORES: tuple[Store, ...] = (S3(), GCS())
EXAMPLES = " or ".join(f"{store.scheme}bucket/folder" for store in STORES)
"""What a folder in a bucket is given as."""


def is_url(text: str) -> bool:
    """Whether it names a bucket, or a folder or a file in one."""
    return _store_of(text) is not None


def store_of(url: str) -> Store:
    """The kind of store that a URL is of. Raises SettingsError if it names no bucket."""
    store = _store_of(url)
    if store is None:
        raise SettingsError(f"{url} names no bucket that galley knows. Give {EXAMPLES}.")
    return store


def _store_of(text: str) -> Store | None:
    return next(
        (store for store in STORES if text.startswith(store.scheme) and text[len(store.scheme) :].strip("/")), None
    )
