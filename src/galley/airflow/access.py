"""Access: Flask-AppBuilder's users and roles, and a role that may answer reviews and change nothing else."""

from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.providers.fab.auth_manager.fab_auth_manager import FabAuthManager
from airflow.providers.fab.www.security.permissions import (
    ACTION_CAN_ACCESS_MENU,
    ACTION_CAN_EDIT,
    ACTION_CAN_READ,
    RESOURCE_HITL_DETAIL,
    RESOURCE_PLUGIN,
)

REVIEWER = "Reviewer"
"""The role."""
SEES_REPORTS = (ACTION_CAN_READ, RESOURCE_PLUGIN)
"""The user interface asks for the list of plugins, and without it shows no Reports, no tabs and no page of ours."""


def role_permissions(manager: Any) -> list[dict[str, Any]]:
    """What Airflow's own roles lack to see reports, and the Reviewer's role: all that a Viewer may, and answer.

    In the form of FAB's `bulk_sync_roles`, which adds to a role that exists. Op and Admin have these rights already.
    """
    answers = [(ACTION_CAN_EDIT, RESOURCE_HITL_DETAIL), (ACTION_CAN_ACCESS_MENU, RESOURCE_HITL_DETAIL)]
    return [
        {"role": "Viewer", "perms": [SEES_REPORTS]},
        {"role": "User", "perms": [SEES_REPORTS]},
        {"role": REVIEWER, "perms": [*manager.VIEWER_PERMISSIONS, SEES_REPORTS, *answers]},
    ]


class GalleyAuthManager(FabAuthManager):  # type: ignore[misc]  # its package is in the stack alone
    """FAB's auth manager, in which to answer a review is a right of its own.

    By itself it asks for the right to edit the DAG too, and with that a reviewer could pause it.
    """

    def is_authorized_dag(
        self,
        *,
        method: Any,
        user: Any,
        access_entity: DagAccessEntity | None = None,
        details: DagDetails | None = None,
    ) -> bool:
        """Whether the user may do this with a DAG."""
        if access_entity is DagAccessEntity.HITL_DETAIL and method == "PUT":
            reads = super().is_authorized_dag(method="GET", user=user, access_entity=access_entity, details=details)
            return bool(reads and self._is_authorized(method="PUT", resource_type=RESOURCE_HITL_DETAIL, user=user))
        return bool(super().is_authorized_dag(method=method, user=user, access_entity=access_entity, details=details))

    def is_authorized_hitl_task(self, *, assigned_users: set[str], user: Any) -> bool:
        """Whether the user is one of those who were asked: by name, as GALLEY_REVIEWERS has them."""
        return user.get_name() in assigned_users
