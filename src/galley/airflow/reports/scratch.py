"""Scratch copies: a report's notebook with the same parameters, to be played with in JupyterLab; never the source."""

from typing import Annotated
from urllib.parse import quote

import nbformat
from fastapi import APIRouter, Header, HTTPException, Request
from fastapi.responses import JSONResponse

from galley.airflow.reports.access import EDITS_DAG
from galley.notebooks.strip import strip
from galley.reports.report_path import ReportPath
from galley.settings import Settings
from galley.storage import files

router = APIRouter(dependencies=[EDITS_DAG])


@router.post("/scratch/{ds}/{dag_id}/{name:path}")
def scratch(
    request: Request, ds: str, dag_id: str, name: str, sec_fetch_site: Annotated[str, Header()] = "same-origin"
) -> JSONResponse:
    """Write a copy without outputs below notebooks/scratch, and say where JupyterLab shows it."""
    settings: Settings = request.app.state.settings
    report_path = ReportPath.parse(ds, dag_id, name)
    if sec_fetch_site not in ("same-origin", "none"):
        raise HTTPException(403)
    path = report_path.of_kind("ipynb").find(settings.outputs) if report_path else None
    if report_path is None or path is None or not settings.lab_url:
        raise HTTPException(404)
    node = files.read_notebook(path)
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
