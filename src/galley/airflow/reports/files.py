"""Files: executed notebooks and their pages, sent so that nothing in them runs, loads or reaches anything."""

from functools import lru_cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from galley.airflow.reports.access import READS_DAG
from galley.reports.index import Index
from galley.reports.report_path import ReportPath
from galley.storage.files import local, read_bytes, read_notebook, version

router = APIRouter(dependencies=[READS_DAG])

_LIMIT = 60_000_000
"""Bytes of a notebook that the server still renders; a larger one can be downloaded."""
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'"
)


def _headers(sandbox: str) -> dict[str, str]:
    return {
        # A sandbox gives the page an origin of its own, out of reach of the session, and lets no script run.
        "Content-Security-Policy": f"{sandbox}; {_POLICY}",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


@router.get("/files/{ds}/{dag_id}/{name:path}")
def file(request: Request, ds: str, dag_id: str, name: str, download: Annotated[bool, Query()] = False) -> Response:
    """A page to be shown, or with `download` a page or a notebook to be kept."""
    report_path, path = _find(request, ds, dag_id, name)
    if path is None and report_path.kind == "html":
        return _rendered(request, report_path, "sandbox")
    if path is None:
        raise HTTPException(404)
    if report_path.kind == "html" and not download:
        return HTMLResponse(_themed(request, read_bytes(path)), headers=_headers("sandbox"))
    kind = "text/html" if report_path.kind == "html" else "application/x-ipynb+json"
    kept_as = f"{ds}_{dag_id}_{report_path.name.removeprefix('attempts/')}"
    return FileResponse(local(path), media_type=kind, filename=kept_as, headers=_headers("sandbox"))


@router.get("/live/{ds}/{dag_id}/{name:path}")
def live(request: Request, ds: str, dag_id: str, name: str) -> Response:
    """The page of a stage that runs, as far as it got.

    It keeps Airflow's origin, so that the page around it can bring it up to date where the reader has scrolled to. It
    has nothing that could make use of that: scripts do not run in a sandbox that does not allow them.
    """
    report_path, _ = _find(request, ds, dag_id, name)
    return _rendered(request, report_path, "sandbox allow-same-origin")


def _find(request: Request, ds: str, dag_id: str, name: str) -> tuple[ReportPath, Path | None]:
    index: Index = request.app.state.index
    report_path = ReportPath.parse(ds, dag_id, name)
    if report_path is None:
        raise HTTPException(404)
    return report_path, report_path.find(index.outputs)


def _rendered(request: Request, report_path: ReportPath, sandbox: str) -> HTMLResponse:
    index: Index = request.app.state.index
    path = report_path.of_kind("ipynb").find(index.outputs)
    if path is None:
        raise HTTPException(404)
    if path.stat().st_size > _LIMIT:
        raise HTTPException(413, "This notebook is too large to be shown here. Download it.")
    title = f"{report_path.dag_id} · {report_path.stage} · {report_path.ds}"
    return HTMLResponse(_themed(request, _page(path, version(path), title)), headers=_headers(sandbox))


def _themed(request: Request, page: bytes) -> bytes:
    """The page, light or dark as Airflow is: a frame does not learn that from the page around it, but by our cookie."""
    theme = request.cookies.get("galley_theme")
    if theme not in ("light", "dark"):
        return page
    page = page.replace(b"color-scheme: light dark", f"color-scheme: {theme}".encode(), 1)
    return page.replace(b"(prefers-color-scheme: dark)", b"all" if theme == "dark" else b"not all", 1)


@lru_cache(maxsize=8)
def _page(path: Path, _version: str, title: str) -> bytes:
    # Imported here, so that the first look at the reports does not wait for nbconvert.
    from galley.notebooks.render import render

    return render(read_notebook(path), title).encode()
