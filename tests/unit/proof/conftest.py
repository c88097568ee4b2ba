"""A decision on a small day, the key that signs it, and the keys that are trusted."""

from types import SimpleNamespace

import pytest

from galley.proof.chain import Chain
from galley.proof.decision import APPROVE
from galley.proof.keys import PublicKey, SigningKey, TrustedKeys
from galley.proof.statements import Decided, Digest, File, Task
from galley.settings import absolute_path
from galley.storage import files

EARLY = "2013-01-01T00:00:00.000000Z"
CONTENT = {
    "data/models/2026-11-23/MLmodel": b"flavors: {}",
    "data/models/2026-11-23/model.skops": b"weights",
    "data/processed/2026-11-23/val.csv": b"key,x\n1,2\n",
    "outputs/2026-11-23/train/02_review.ipynb": b'{"cells": []}',
    "outputs/2026-11-23/train/02_review.html": b"<h1>Neutral: 7 of 8</h1>",
    "notebooks/train/02_review.ipynb": b'{"cells": ["source"]}',
}


@pytest.fixture(scope="session")
def key():
    return SigningKey.generate()


@pytest.fixture(scope="session")
def keys(key):
    return TrustedKeys([PublicKey("galley", key.public, EARLY)])


@pytest.fixture
def locate(settings):
    return lambda name: absolute_path(name, settings)


@pytest.fixture
def stated(settings, locate):
    """The files of a day, as a statement names them."""
    for name, content in CONTENT.items():
        files.write_bytes(locate(name), content)
    by_name = {name: File.of(name, locate(name)) for name in CONTENT}
    return SimpleNamespace(
        model=[file for name, file in by_name.items() if "/models/" in name],
        reports=tuple(file for name, file in by_name.items() if name.startswith("outputs")),
        evidence=tuple(file for name, file in by_name.items() if name.endswith("val.csv")),
        sources=tuple(file for name, file in by_name.items() if name.startswith("notebooks")),
    )


@pytest.fixture
def decide(stated):
    """Makes a decision; what is not named is that of an approval of version 3."""

    def make(**changes):
        values = {
            "model": "flights-late",
            "version": "3",
            "ds": "2026-11-23",
            "decision": APPROVE,
            "person": "lead",
            "reason": "better on the week that followed",
            "asked_at": "2026-11-24T08:00:00.000000Z",
            "answered_at": "2026-11-24T09:00:00.000000Z",
            "task": Task(dag="train", run="scheduled__2026-11-23", task="approval", number=1),
            "form": Digest.of(b"the text of the form"),
            "reports": stated.reports,
            "evidence": stated.evidence,
            "sources": stated.sources,
            "champion": "2",
            "assignees": ("lead", "reviewer"),
            "policy": {"approvals": 1, "checks": {"min_auc": 0.55}},
            "project": Digest.of(b"galley.toml"),
        }
        return Decided.of(**{**values, **changes})

    return make


@pytest.fixture
def chain(settings):
    return Chain.of(settings.outputs, "flights-late")


@pytest.fixture
def append(chain, stated, decide, key, keys):
    """States a decision as the newest of the chain."""
    return lambda **changes: chain.append(stated.model, decide(**changes), key, keys)
