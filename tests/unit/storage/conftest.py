"""A folder in a bucket of each kind of store."""

import uuid

import pytest

from galley.storage.files import path_of

SERVERS = {"s3": "store", "gs": "gcs"}


@pytest.fixture(params=SERVERS)
def in_bucket(request):
    """A folder of a bucket that has nothing yet."""
    request.getfixturevalue(SERVERS[request.param])
    return path_of(f"{request.param}://galley/{uuid.uuid4().hex}")
