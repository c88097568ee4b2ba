"""Signing: the private key with which answers are signed, from Airflow's connections, so from any secrets backend."""

from galley.errors import SettingsError
from galley.proof.keys import SigningKey, TrustedKeys, undumpable
from galley.settings import Settings

CONNECTION = "galley_signing"
"""The connection whose password is the private key."""


def signing_key(settings: Settings) -> SigningKey:
    """The key, which the project trusts now; other processes of this user cannot read this one's memory from here on.

    Raises SettingsError if there is none, SignatureError if statements that it signs would not be trusted.
    """
    from airflow.sdk import Connection

    from galley.airflow.compat import AirflowNotFoundException

    undumpable()
    try:
        password = Connection.get(CONNECTION).password
    except AirflowNotFoundException:
        password = None
    if not password:
        raise SettingsError(
            f"There is no key to sign an answer with: Airflow has no connection {CONNECTION} with a password. Make a "
            f"key with `galley keys generate <name>`, which writes the public one to {settings.keys}, and give the "
            "private one to the connection as its password."
        )
    key = SigningKey.read(password)
    TrustedKeys.read(settings.keys).require(key)
    return key
