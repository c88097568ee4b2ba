"""Scratch copies: a report's notebook with the same parameters, to be played with in JupyterLab; never the source."""

from typing import Annotated
from urllib.parse import quote, urlsplit

import nbformat
from fastapi import APIRouter, Header, HTTPException, Request
from fastapi.responses import JSONResponse

from galley.airflow.links import airflow_url
from galley.airflow.reports.access import EDITS_DAG
from galley.notebooks.strip import strip
from galley.reports.report_path import ReportPath
from galley.settings import Settings
from galley.storage import files

router = APIRouter(dependencies=[EDITS_DAG])


@router.post("/scratch/{ds}/{dag_id}/{name:path}")
def scratch(request: Request, ds: str, dag_id: str, name: str, origin: Annotated[str, Header()] = "") -> JSONResponse:
    """Write a copy without outputs below notebooks/scratch, and say where JupyterLab shows it."""
    settings: Settings = request.app.state.settings
    report_path = ReportPath.parse(ds, dag_id, name)
    if not _is_own(request, origin):
        raise HTTPException(403, "This can only be asked for by a page of Airflow itself.")
    try:
        node = report_path.notebook(settings.outputs) if report_path else None
    except ValueError as error:
        raise HTTPException(422, f"{error}. Download it to look at it.") from None
    if report_path is None or node is None or not settings.lab_url:
        raise HTTPException(404)
    strip(node)
    copy = settings.notebooks / "scratch" / ds / dag_id / f"{report_path.stage}.ipynb"
    try:
        files.write_bytes(copy, nbformat.writes(node).encode())
    except OSError as error:
        raise HTTPException(
            409, f"The copy cannot be written to {copy} ({error.strerror}). Download the notebook."
        ) from error
    tree = quote(copy.relative_to(settings.notebooks).as_posix())
    return JSONResponse({"address": f"{settings.lab_url}/lab/tree/{tree}"})


def _is_own(request: Request, origin: str) -> bool:
    """Whether a page of this Airflow asks: a browser names the page's origin with each POST; no page can forge it."""
    own = {request.headers.get("host", ""), urlsplit(airflow_url()).netloc} - {""}
    return origin.partition("://")[2] in own
