"""The plugin: reports in Airflow's own web server and user interface, for those who may read the DAG's tasks.

Every task process imports this module, so the application and what it needs are imported on the first request.
"""

from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

from galley.airflow import empty_runs
from galley.airflow.dates import ds

if TYPE_CHECKING:
    from fastapi import FastAPI


_ICON = {"icon": "galley/static/icon.svg", "icon_dark_mode": "galley/static/icon-dark.svg"}


class _OnFirstRequest:
    """An ASGI application that is made when the first request comes."""

    def __init__(self) -> None:
        self._app: FastAPI | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._app is None:
            from galley.airflow.reports.app import make_app

            self._app = make_app()
        await self._app(scope, receive, send)


class GalleyPlugin(AirflowPlugin):
    """Registers the application with Airflow's web server, and its pages with the user interface.

    Addresses are relative, so that they hold wherever Airflow is served. Airflow fills in what stands in braces.
    """

    @classmethod
    def on_load(cls, *_: Any, **__: Any) -> None:
        """What Airflow calls once in each process that loads plugins."""
        from galley.airflow.release import require_supported

        require_supported()
        from galley.airflow.compat import leave_forms_with_their_tries

        leave_forms_with_their_tries("ReviewOperator")

    name = "galley"
    macros = [ds]  # noqa: RUF012
    listeners = [empty_runs]  # noqa: RUF012
    fastapi_apps = [{"app": _OnFirstRequest(), "url_prefix": "/galley", "name": "galley"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "Reports",
            "href": "galley/reports",
            "destination": "nav",
            "url_route": "reports",
            "nav_top_level": True,
            **_ICON,
        },
        {
            "name": "Report",
            "href": "galley/runs?dag_id={DAG_ID}&run_id={RUN_ID}",
            "destination": "dag_run",
            "url_route": "report",
            **_ICON,
        },
        {
            "name": "Notebook",
            "href": "galley/tasks?dag_id={DAG_ID}&run_id={RUN_ID}&task_id={TASK_ID}&map_index={MAP_INDEX}",
            "destination": "task_instance",
            "url_route": "notebook",
            **_ICON,
        },
    ]
