"""Deadline: people are notified when what a DAG promises for a day is not there by the hour at which it is used."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from apprise import NotifyType

from galley.airflow import configuration
from galley.airflow.alerts import Alert
from galley.airflow.compat import AsyncCallback
from galley.airflow.links import airflow_url
from galley.days import date_stamp


class MissingAlert(Alert):
    """A file of the data folder is not there in time."""

    def __init__(self, path: str) -> None:
        super().__init__(NotifyType.FAILURE)
        self.path = path

    def message(self, context: Any) -> tuple[str, str]:
        """What is missing, since when, and the run that should have brought it."""
        run = context["dag_run"]
        body = f"Wanted by: {context['deadline']['deadline_time']}\nState: {run['state']}\nRun: {_address(run)}"
        return f"{run['dag_id']}: {self.path} is not there", body


async def alert_if_missing(path: str, context: Any) -> None:
    """Airflow's callback, in the triggerer: `path` is that of `file_deadline`, below the data folder."""
    run = context["dag_run"]
    own = date_stamp(_moment(run["logical_date"]), is_one_of_several=True)
    name = path.format(ds=own[:10], time=own[10:])
    # Who asks for a day after its hour knows that it is late.
    in_time = _moment(run["queued_at"]) < _moment(context["deadline"]["deadline_time"])
    folder = configuration.settings().for_model(dag_id=run["dag_id"]).model_data
    if in_time and not (folder / name).is_file():
        await asyncio.to_thread(MissingAlert(name).notify, context)


def file_deadline(hours: float, path: str) -> DeadlineAlert:
    """A DAG's deadline: so many hours after a run's logical time, the file is wanted.

    `path` has {ds} for the day; {ds}{time}, as in 2026-11-23T0600, where the DAG runs several times a day.
    """
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_LOGICAL_DATE,
        interval=timedelta(hours=hours),
        callback=AsyncCallback(alert_if_missing, {"path": path}),
    )


def _address(run: Any) -> str:
    return f"{airflow_url()}/dags/{run['dag_id']}/runs/{quote(run['dag_run_id'], safe='')}"


def _moment(given: Any) -> datetime:
    moment = given if isinstance(given, datetime) else datetime.fromisoformat(str(given))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
