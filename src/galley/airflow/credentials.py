"""Credentials: the MLflow user of a stage, from Airflow's connections and so from any secrets backend."""


def mlflow_credentials(connection: str) -> dict[str, str]:
    """The variables with which MLflow's client logs in as the user of a connection.

    None if Airflow has no such connection: the stage then uses MLflow as all others do.
    """
    from airflow.sdk import Connection

    from galley.airflow.compat import AirflowNotFoundException

    try:
        found = Connection.get(connection)
    except AirflowNotFoundException:
        return {}
    return {"MLFLOW_TRACKING_USERNAME": found.login or "", "MLFLOW_TRACKING_PASSWORD": found.password or ""}
