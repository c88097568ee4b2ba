"""Access: whoever may read a DAG's task instances may read its reports; by Airflow's session and permissions."""

from collections.abc import Callable
from functools import cache
from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import ResourceMethod
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, get_user, requires_access_dag
from airflow.models.dag import DagModel
from fastapi import Depends

SIGNED_IN = Depends(get_user)
"""Asks for a session: 401 without one."""
READS_DAG = Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE))
"""Asks for the right to read the task instances of the request's `dag_id`: 403 without it."""
EDITS_DAG = Depends(requires_access_dag("PUT", DagAccessEntity.TASK_INSTANCE))
"""Asks for the right to change the task instances of the request's `dag_id`."""

Permission = Callable[[str], bool]
"""Says of a DAG whether the user who asks may do one thing with it."""


def reader(user: GetUserDep) -> Permission:
    """Whether the user of a request may read a DAG's reports."""
    return cache(lambda dag_id: _is_allowed(user, "GET", DagAccessEntity.TASK_INSTANCE, dag_id))


def trigger(user: GetUserDep) -> Permission:
    """Whether the user of a request may trigger a DAG."""
    return cache(lambda dag_id: _is_allowed(user, "POST", DagAccessEntity.RUN, dag_id))


def _is_allowed(user: BaseUser, method: ResourceMethod, entity: DagAccessEntity, dag_id: str) -> bool:
    details = DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id))
    return get_auth_manager().is_authorized_dag(method=method, access_entity=entity, details=details, user=user)


ReaderDep = Annotated[Permission, Depends(reader)]
TriggerDep = Annotated[Permission, Depends(trigger)]
