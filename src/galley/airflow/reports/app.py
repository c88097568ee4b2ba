"""The application below /galley: its routes, its own files, and what it says when it refuses."""

from collections.abc import Mapping
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, RedirectResponse
from starlette.exceptions import HTTPException as AnyHTTPException

from galley.airflow import configuration, webhook
from galley.airflow.reports import compare, files, how_to, listing, model, report, scratch, tabs
from galley.airflow.reports.access import SIGNED_IN
from galley.airflow.reports.pages import HERE, note
from galley.errors import SettingsError
from galley.reports.index import Index
from galley.reports.production import Productions
from galley.settings import Settings

_STATIC: Mapping[str, tuple[Path, str]] = {
    path.name: (path, {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}[path.suffix])
    for path in (HERE / "static").iterdir()
}
_STATIC_HEADERS = {
    "Content-Security-Policy": "default-src 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, max-age=86400",
}
_SAID = {
    401: ("Please log in", "Your session is over, or there is none. Log in to Airflow, then come back."),
    403: ("Not yours to read", "Reports are open to those who may read the DAG's task instances."),
    404: ("There is no such report", "It may be of a day that was removed, or of a stage that has not run yet."),
}


def make_app(settings: Settings | None = None) -> FastAPI:
    """The application. Nothing in it but the webhook answers without a session, and nothing describes it."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, dependencies=[SIGNED_IN])
    app.add_api_route("/static/{name}", _static, methods=["GET"])
    app.add_exception_handler(AnyHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _refused)
    app.add_exception_handler(SettingsError, _misconfigured)
    try:
        _add_pages(app, settings or configuration.settings())
    except SettingsError as error:
        _add_excuse(app, error)
    return app


def _add_pages(app: FastAPI, settings: Settings) -> None:
    app.state.settings = settings
    app.state.index = Index(app.state.settings.outputs)
    app.state.productions = Productions(app.state.settings, app.state.index)
    for pages in (listing, model, report, files, compare, how_to, scratch, tabs):
        app.include_router(pages.router)
    app.mount("/webhook", webhook.make_app(app.state.settings))
    app.add_api_route("/", _front, methods=["GET"])


def _add_excuse(app: FastAPI, error: SettingsError) -> None:
    """Have every page say what is wrong with the settings of the process, which only a restart of it changes."""

    def excuse(path: str) -> None:  # noqa: ARG001 - every path
        raise error

    app.add_api_route("/{path:path}", excuse, methods=["GET"])


def _front(request: Request) -> RedirectResponse:
    return RedirectResponse(f"{request.scope['root_path']}/reports", 303)


def _static(name: str) -> FileResponse:
    if name not in _STATIC:
        raise HTTPException(404)
    path, kind = _STATIC[name]
    return FileResponse(path, media_type=kind, headers=_STATIC_HEADERS)


async def _misconfigured(request: Request, error: Exception) -> Response:
    text = f"{error} Settings are those of Airflow's API server: give it the same as the scheduler, and restart it."
    return note(request, "No project that the API server can read", text, 503)


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, AnyHTTPException) else 404
    title, text = _SAID.get(status, ("This cannot be done", str(getattr(error, "detail", ""))))
    return note(request, title, text, status)
