"""The three users of the stack, each with its role and the password from the environment."""

import os

from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

from galley.airflow.access import REVIEWER, role_permissions

USERS = {"admin": "Admin", "reviewer": REVIEWER, "viewer": "Viewer"}

with get_application_builder() as builder:
    manager = builder.sm
    manager.sync_roles()
    manager.bulk_sync_roles(role_permissions(manager))
    for name, role in USERS.items():
        password = os.environ[f"{name.upper()}_PASSWORD"]
        user = manager.find_user(username=name)
        if user:
            manager.reset_password(user.id, password)
        else:
            manager.add_user(name, name, "galley", f"{name}@localhost", manager.find_role(role), password)
