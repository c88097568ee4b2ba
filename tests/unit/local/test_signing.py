"""The embedded Airflow's own key, and the one that .env is given: what signs is trusted, and stays."""

import json
import stat

from galley.local import dotenv, signing
from galley.proof.keys import SigningKey, TrustedKeys


def test_a_key_is_made_once_readable_by_its_owner_alone_and_trusted(settings):
    connections = settings.home / ".airflow" / "connections.json"
    signing.prepare(settings, connections)
    made = connections.read_text()
    signing.prepare(settings, connections)
    assert connections.read_text() == made
    assert stat.S_IMODE(connections.stat().st_mode) == 0o600
    key = SigningKey.read(json.loads(made)["galley_signing"]["password"])
    assert [known.name for known in TrustedKeys.read(settings.keys).all] == ["embedded"]
    TrustedKeys.read(settings.keys).require(key)


def test_what_a_former_key_signed_stays_trusted_when_airflows_home_was_deleted(settings):
    connections = settings.home / ".airflow" / "connections.json"
    signing.prepare(settings, connections)
    connections.unlink()
    signing.prepare(settings, connections)
    assert [known.name for known in TrustedKeys.read(settings.keys).all] == ["embedded", "embedded-2"]


def test_the_key_that_is_written_to_the_stacks_env_is_one_that_signs():
    key = SigningKey.read(dotenv._signing_key())
    assert len(key.sign(b"content")) == 64
