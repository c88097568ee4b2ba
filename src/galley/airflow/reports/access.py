"""Access: whoever may read a DAG's task instances may read its reports; by Airflow's session and permissions."""

from collections.abc import Callable
from functools import cache
from typing import Annotated

from airflow.api_fastapi.app import get_auth_manager
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

Reader = Callable[[str], bool]
"""Says of a DAG whether the user who asks may read its reports."""


def reader(user: GetUserDep) -> Reader:
    """What the user of a request may read."""

    @cache
    def may_read(dag_id: str) -> bool:
        return get_auth_manager().is_authorized_dag(
            method="GET",
            access_entity=DagAccessEntity.TASK_INSTANCE,
            details=DagDetails(id=dag_id, team_name=DagModel.get_team_name(dag_id)),
            user=user,
        )

    return may_read


ReaderDep = Annotated[Reader, Depends(reader)]
