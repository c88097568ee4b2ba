"""The plugin: reports in Airflow's own web server, for those who may read the DAG's tasks.

Every task process imports this module, so what it needs of Airflow is imported on the first request.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from fastapi import FastAPI

_HEADERS = {
    # `sandbox` gives the page an origin of its own, where Airflow's session is out of reach.
    "Content-Security-Policy": "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class _OnFirstRequest:
    """An ASGI application that is made when the first request comes."""

    def __init__(self) -> None:
        self._app: FastAPI | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._app is None:
            self._app = make_app()
        await self._app(scope, receive, send)


def make_app() -> "FastAPI":
    """The application below /galley: reports/<ds>/<dag_id>/<file>.html, and nothing without a session."""
    from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
    from airflow.api_fastapi.core_api.security import requires_access_dag
    from fastapi import Depends, FastAPI, HTTPException
    from fastapi.responses import FileResponse

    from galley.settings import Settings

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.get(
        "/reports/{ds}/{dag_id}/{name:path}",
        dependencies=[Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE))],
    )
    def report(ds: str, dag_id: str, name: str) -> FileResponse:
        """One executed notebook, as rendered."""
        page = find_page(Settings.from_environment().outputs, ds, dag_id, name)
        if page is None:
            raise HTTPException(404, "There is no such report. It may belong to a day that was removed.")
        return FileResponse(page, media_type="text/html", headers=_HEADERS)

    return app


def find_page(outputs: Path, ds: str, dag_id: str, name: str) -> Path | None:
    """The page of that name inside the DAG's own folder of that day, links followed; None for anything else."""
    folder = (outputs / ds / dag_id).resolve()
    try:
        page = (folder / name).resolve(strict=True)
    except (OSError, ValueError):
        return None
    is_own = folder.parent.parent == outputs.resolve() and page.is_relative_to(folder)
    return page if is_own and page.suffix == ".html" and page.is_file() else None


class GalleyPlugin(AirflowPlugin):
    """Registers the application with Airflow's web server."""

    name = "galley"
    fastapi_apps = [{"app": _OnFirstRequest(), "url_prefix": "/galley", "name": "galley"}]  # noqa: RUF012
