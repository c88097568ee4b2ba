"""Compat: what galley uses of Airflow that no interface promises, in one place.

A task that waits for a person has a form, which Airflow keeps by the task instance. A new try gets a new instance and
takes the former form along, with the text and the people of the first time (Airflow 3.1 to 3.3). So in Airflow's
server, where new tries begin, the form of a review is left with the try in which it was shown; and whoever asks looks
at what is shown.

What a schedule says of the times of its runs, it says to the scheduler alone; its cron expressions and time spans are
attributes, whose names differ between the SDK's timetables and those of Airflow itself.
"""

import sys
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

_MODEL = "airflow.models.taskinstance"


def show_form(operator: Any, ti_id: Any) -> dict[str, Any]:
    """Have Airflow show an operator's form, as its `execute` does; returns what is shown of it."""
    from airflow.sdk.api.datamodels._generated import HITLUser
    from airflow.sdk.execution_time.comms import CreateHITLDetailPayload
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    shown: Any = SUPERVISOR_COMMS.send(
        msg=CreateHITLDetailPayload(
            ti_id=ti_id,
            options=operator.options,
            subject=operator.subject,
            body=operator.body,
            defaults=operator.defaults,
            multiple=operator.multiple,
            params=operator.serialized_params,
            assigned_users=[HITLUser(**user) for user in operator.assigned_users or ()],
        )
    )
    users = [dict(HITLUser.model_dump(user)) for user in shown.assigned_users or ()]
    return {"subject": shown.subject, "body": shown.body, "assigned_users": users}


def leave_forms_with_their_tries(operator_name: str) -> None:
    """From now on, have a new try of such an operator start without the former form, in a process with the database."""
    if _MODEL not in sys.modules:  # a task's: Airflow's server and scheduler have it before they load plugins
        return
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import delete, event
    from sqlalchemy.orm import object_session

    def leave(task: Any, new_id: Any, old_id: Any, _: Any) -> None:
        session = object_session(task)
        if session is not None and task.custom_operator_name == operator_name and new_id != old_id:
            session.execute(delete(HITLDetail).where(HITLDetail.ti_id == old_id))  # the history has a copy

    event.listen(TaskInstance.id, "set", leave)


def runs_several_times_a_day(timetable: Any) -> bool:
    """Whether a schedule by cron or by a time span has more than one run on a day; others count as one a day."""
    cron, span, several = (
        getattr(timetable, name, None) or getattr(timetable, f"_{name}", None)
        for name in ("expression", "delta", "timetables")
    )
    if cron:
        fields = cron.split()  # one alone is a preset, such as @midnight
        minute_hour_second = (*fields[:2], *fields[5:6])
        return len(fields) > 1 and not all(field.isdecimal() for field in minute_hour_second)
    if span:
        return bool((start := datetime(2000, 1, 1)) + span < start + timedelta(days=1))  # noqa: DTZ001 - any day
    if several:
        return len(several) > 1 or runs_several_times_a_day(several[0])
    return type(timetable).__name__ == "ContinuousTimetable"


def is_scheduled(timetable: Any) -> bool:
    """Whether anything but a person or another DAG makes runs."""
    return type(timetable).__name__ != "NullTimetable"


def connection_password(name: str) -> str:
    """The password of a connection, asked for in Airflow's server; blank if there is none."""
    from airflow.models.connection import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return Connection.get_connection_from_secrets(name).password or ""
    except AirflowNotFoundException:
        return ""


def trigger(dag_id: str, run_id: str, who: str) -> None:
    """Have a DAG run, in Airflow's server; once for each id of a run."""
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.exceptions import DagRunAlreadyExists
    from airflow.utils.types import DagRunTriggeredByType

    with suppress(DagRunAlreadyExists):
        trigger_dag(dag_id, run_id=run_id, triggered_by=DagRunTriggeredByType.REST_API, triggering_user_name=who)
