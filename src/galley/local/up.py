"""`make up`: Airflow and MLflow with their user interfaces, in the foreground, until Ctrl-C."""

import time
from datetime import UTC, datetime
from typing import NoReturn

from galley.local import credentials, ports, workbench
from galley.local.airflow import ADMIN, Airflow, airflow_home
from galley.local.api import NAP, Client
from galley.local.lock import exclusive
from galley.local.services import Services, Stopped
from galley.settings import Settings


def up() -> int:
    """Start everything, say where it is, and stay until someone stops it, which is how this ends well."""
    try:
        _stay_up(Settings.from_environment())
    except Stopped:
        _say("\nStopped.")
    return 0


def _stay_up(settings: Settings) -> NoReturn:
    home = airflow_home(settings)
    with exclusive(home / "lock", "make up"), Services(home / "logs" / "services") as services:
        port = ports.require(settings.airflow_port, "GALLEY_AIRFLOW_PORT", "Airflow")
        mlflow = workbench.mlflow(settings)
        airflow = Airflow(settings, port, schedule=True)
        _say("Starting Airflow and MLflow.")
        began = datetime.now(UTC)
        airflow.prepare()
        for service in [*airflow.services(), *([mlflow] if mlflow else [])]:
            services.start(service)
        client = Client(airflow.url, ADMIN, airflow.passwords()[ADMIN])
        client.wait_until_ready([], began, services.check)
        while mlflow and not ports.is_open(settings.mlflow_port):
            services.check()
            time.sleep(NAP)
        _say(f"Airflow      {airflow.url}")
        _say(f"MLflow       {f'http://{ports.LOOPBACK}:{settings.mlflow_port}' if mlflow else settings.tracking_uri}")
        _say("JupyterLab   make lab, in another terminal: a report opens its notebook there")
        _say(_login(airflow))
        _say(f"logs         {services.logs}")
        _say("Ctrl-C stops all of it.")
        while True:
            services.keep_up(_say)
            time.sleep(NAP)


def _login(airflow: Airflow) -> str:
    """Who can log in. The passwords are shown once, and later only where they are kept."""
    where = f"passwords are in {airflow.password_file}; delete it for new ones"
    if not credentials.first_showing(airflow.password_file):
        return f"log in as    {' or '.join(airflow.users)}: {where}"
    users = [f"log in as    {user:<12} password {password}" for user, password in airflow.passwords().items()]
    return "\n".join([*users, f"             Shown this once: {where}."])


def _say(text: str) -> None:
    print(text, flush=True)
