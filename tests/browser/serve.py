"""Serves an Airflow as `make up` does, but one that runs only what it is asked to. Usage: serve.py PORT."""

import sys
import time
from datetime import UTC, datetime

from galley.local.airflow import ADMIN, Airflow
from galley.local.api import Client
from galley.local.services import Services
from galley.settings import Settings

airflow = Airflow(Settings.from_environment(), int(sys.argv[1]), schedule=False)
began = datetime.now(UTC)
with Services(airflow.home / "logs" / "services") as services:
    airflow.prepare()
    for service in airflow.services():
        services.start(service)
    client = Client(airflow.url, ADMIN, airflow.passwords()[ADMIN])
    dags = sorted(path.stem for path in (airflow.settings.home / "dags").glob("*.py"))
    client.wait_until_ready(dags, began, services.check)
    for dag_id in dags:
        client.unpause(dag_id)
    print("ready", flush=True)  # noqa: T201 - for whoever started this
    while True:
        services.check()
        time.sleep(1)
