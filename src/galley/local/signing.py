"""Signing: the key of the embedded Airflow, made once: the private half in its home, the public one in keys/."""

import json
from pathlib import Path

from galley.local import credentials
from galley.proof.keys import SigningKey, trust
from galley.settings import Settings

CONNECTION = "galley_signing"
"""What `galley.airflow.signing` looks for; here Airflow is not imported."""
NAME = "embedded"
"""What the public key is called; `.gitignore` has it, for each machine has its own."""


def prepare(settings: Settings, connections: Path) -> None:
    """Have a file of connections, as Airflow reads it, with a key that the project trusts; a new one if need be."""
    if not connections.exists():
        connection = {"conn_type": "generic", "password": SigningKey.generate().to_text()}
        credentials.write_private(connections, json.dumps({CONNECTION: connection}, indent=2) + "\n")
    key = SigningKey.read(json.loads(connections.read_text())[CONNECTION]["password"])
    trust(key, settings.keys, NAME)
