"""Compat: what differs between the releases of Airflow, and what galley uses that no interface promises.

Airflow 3.3 has what galley is written for. Before it there are no retry policies, so that what a policy calls final is
made an error that Airflow does not retry, and a task that waits for a person waits in the triggerer. What else moved
between 3.1 and 3.3 is imported from here.

A task that waits for a person has a form, which Airflow keeps by the task instance. A new try gets a new instance and
takes the former form along, with the text and the people of the first time (Airflow 3.1 to 3.3). So in Airflow's
server, where new tries begin, the form of a review is left with the try in which it was shown; and whoever asks looks
at what is shown.

What a schedule says of the times of its runs, it says to the scheduler alone; its cron expressions and time spans are
attributes, whose names differ between the SDK's timetables and those of Airflow itself.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowNotFoundException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
    conf,
)

if TYPE_CHECKING:
    from airflow.sdk.definitions.callback import AsyncCallback
    from airflow.sdk.definitions.retry_policy import RetryAction, RetryDecision, RetryPolicy
    from airflow.sdk.exceptions import TaskAwaitingInput
else:
    from airflow.sdk.definitions.deadline import AsyncCallback  # where 3.1 defines it, and later ones import it

    try:
        from airflow.sdk.definitions.retry_policy import RetryAction, RetryDecision, RetryPolicy
        from airflow.sdk.exceptions import TaskAwaitingInput
    except ImportError:  # 3.1, 3.2
        TaskAwaitingInput = TaskDeferred
        RetryPolicy = object

        class RetryAction(Enum):
            """What should happen after a failure."""

            RETRY = "retry"
            FAIL = "fail"
            DEFAULT = "default"

        @dataclass(frozen=True)
        class RetryDecision:
            """What a policy decides."""

            action: RetryAction = RetryAction.DEFAULT
            retry_delay: timedelta | None = None
            reason: str | None = None

            @classmethod
            def retry(cls, delay=None, reason=None):
                """Retry; the delay is the task's own."""
                return cls(RetryAction.RETRY, delay, reason)

            @classmethod
            def fail(cls, reason=None):
                """Fail at once."""
                return cls(RetryAction.FAIL, None, reason)

            @classmethod
            def default(cls):
                """Leave it to the task's retries."""
                return cls()


__all__ = [
    "AirflowFailException", "AirflowNotFoundException", "AirflowSensorTimeout", "AirflowSkipException",
    "AsyncCallback", "RetryDecision", "RetryPolicy", "conf",
]  # fmt: skip

HAS_RETRY_POLICIES = RetryPolicy is not object
WAITING = (TaskAwaitingInput, TaskDeferred)
"""What a task that waits for a person's answer raises: since 3.3 the first, unless its standard provider is older."""
WAITING_STATES = ("awaiting_input", "deferred")
"""The states of such a task."""

_MODEL = "airflow.models.taskinstance"


def retry_policy(policy: RetryPolicy | None) -> dict[str, Any]:
    """A retry policy as an argument of Airflow's operators, where they take one."""
    return {"retry_policy": policy} if HAS_RETRY_POLICIES else {}


@contextmanager
def retries(operator: Any, context: Any) -> Iterator[None]:
    """Where Airflow has no retry policies, have what the operator's policy calls final fail the task at once.

    The error stays what it is, and becomes one of those that Airflow does not retry.
    """
    try:
        yield
    except Exception as error:
        if not HAS_RETRY_POLICIES and operator.retry_policy is not None:
            tries = context["ti"].try_number, operator.retries
            if operator.retry_policy.evaluate(error, *tries, context).action is RetryAction.FAIL:
                error.__class__ = type(type(error).__name__, (type(error), AirflowFailException), {})
        raise


def wait_for_answer(operator: Any, time: timedelta) -> None:
    """Set how long a task waits for a person: before 1.13 the standard provider takes the task's timeout for that."""
    setattr(operator, "response_timeout" if hasattr(operator, "response_timeout") else "execution_timeout", time)


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
        fields = cron.split()
        if len(fields) == 1:  # a preset, such as @midnight
            return bool(cron == "@hourly")
        minute_hour_second = (*fields[:2], *fields[5:6])
        return not all(field.isdecimal() for field in minute_hour_second)
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
