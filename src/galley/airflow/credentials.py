"""Credentials: where MLflow is for a stage and who asks, from Airflow's connections and so from any secrets backend."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk import Connection


def mlflow_credentials(connection: str) -> dict[str, str]:
    """The variables with which MLflow's client goes where a connection leads, as its user.

    A connection without a host leaves the address as it is for all stages. A password without a login is a token.
    None if Airflow has no such connection: the stage then uses MLflow as all others do.
    """
    from airflow.sdk import Connection

    from galley.airflow.compat import AirflowNotFoundException

    try:
        found = Connection.get(connection)
    except AirflowNotFoundException:
        return {}
    given = {"URI": _address(found)} if found.host else {}
    if found.login or found.password:
        # All three, for another user's may be in the environment.
        given |= {"USERNAME": found.login or "", "PASSWORD": "", "TOKEN": ""}
        given["PASSWORD" if found.login else "TOKEN"] = found.password or ""
    return {f"MLFLOW_TRACKING_{name}": value for name, value in given.items()}


def _address(connection: "Connection") -> str:
    """The server's address, without the user's name and password."""
    host = connection.host or ""
    if "://" in host:
        return host
    scheme = connection.schema or ("https" if connection.conn_type == "https" else "http")
    return f"{scheme}://{host}" + (f":{connection.port}" if connection.port else "")
