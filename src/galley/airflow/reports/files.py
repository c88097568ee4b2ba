"""Files: executed notebooks and their pages, sent so that nothing in them runs, loads or reaches anything."""

import hashlib
import os
from collections.abc import Iterator
from functools import lru_cache
from io import BufferedReader
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from galley.airflow.reports.access import READS_DAG
from galley.reports.index import Index
from galley.reports.report_path import ReportPath
from galley.storage.files import parse_notebook

router = APIRouter(dependencies=[READS_DAG])

_LIMIT = 60_000_000
"""Bytes of a notebook that the server still renders; a larger one can be downloaded."""
_PIECE = 1_000_000
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
        "Cache-Control": "private, no-cache",  # kept by the browser, which asks each time whether it may show it
    }


@router.get("/files/{ds}/{dag_id}/{name:path}")
def file(request: Request, ds: str, dag_id: str, name: str, download: Annotated[bool, Query()] = False) -> Response:
    """A page to be shown, or with `download` a page or a notebook to be kept."""
    report_path = _report_path(ds, dag_id, name)
    opened = report_path.open(request.app.state.index.outputs)
    if opened is None and report_path.kind == "html":
        return _rendered(request, report_path, "sandbox")
    if opened is None:
        raise HTTPException(404)
    if report_path.kind == "html" and not download:
        with opened:
            return _unless_it_has(request, opened.read(), "sandbox")
    return _download(opened, report_path)


@router.get("/live/{ds}/{dag_id}/{name:path}")
def live(request: Request, ds: str, dag_id: str, name: str) -> Response:
    """The page of a stage that runs, as far as it got.

    It keeps Airflow's origin, so that the page around it can bring it up to date where the reader has scrolled to. It
    has nothing that could make use of that: scripts do not run in a sandbox that does not allow them.
    """
    return _rendered(request, _report_path(ds, dag_id, name), "sandbox allow-same-origin")


def _report_path(ds: str, dag_id: str, name: str) -> ReportPath:
    report_path = ReportPath.parse(ds, dag_id, name)
    if report_path is None:
        raise HTTPException(404)
    return report_path


def _download(opened: BufferedReader, report_path: ReportPath) -> StreamingResponse:
    """What was opened, piece by piece."""
    kind = "text/html" if report_path.kind == "html" else "application/x-ipynb+json"
    kept_as = quote(f"{report_path.ds}_{report_path.dag_id}_{report_path.name.removeprefix('attempts/')}")
    length = str(os.fstat(opened.fileno()).st_size)
    headers = {"Content-Disposition": f'attachment; filename="{kept_as}"', "Content-Length": length}
    return StreamingResponse(_pieces(opened, int(length)), media_type=kind, headers={**_headers("sandbox"), **headers})


def _pieces(opened: BufferedReader, left: int) -> Iterator[bytes]:
    """As many bytes as were there when it was opened: a file that grows meanwhile would break the answer."""
    with opened:
        while piece := opened.read(min(_PIECE, left)):
            left -= len(piece)
            yield piece


def _rendered(request: Request, report_path: ReportPath, sandbox: str) -> Response:
    index: Index = request.app.state.index
    opened = report_path.of_kind("ipynb").open(index.outputs)
    if opened is None:
        raise HTTPException(404)
    with opened:
        content = opened.read(_LIMIT + 1)
    if len(content) > _LIMIT:
        raise HTTPException(413, "This notebook is too large to be shown here. Download it.")
    title = f"{report_path.dag_id} · {report_path.stage} · {report_path.ds}"
    return _unless_it_has(request, _page(content, title), sandbox)


def _unless_it_has(request: Request, page: bytes, sandbox: str) -> Response:
    """The page, or that the browser has it already: its pictures are in it, megabytes of them."""
    themed = _themed(request, page)
    tag = f'"{hashlib.sha256(themed).hexdigest()}"'
    headers = {**_headers(sandbox), "ETag": tag}
    if tag in request.headers.get("If-None-Match", ""):  # a proxy that packs it puts W/ before it
        return Response(status_code=304, headers=headers)
    return HTMLResponse(themed, headers=headers)


def _themed(request: Request, page: bytes) -> bytes:
    """The page, light or dark as Airflow is: a frame does not learn that from the page around it, but by our cookie."""
    theme = request.cookies.get("galley_theme")
    if theme not in ("light", "dark"):
        return page
    page = page.replace(b"color-scheme: light dark", f"color-scheme: {theme}".encode(), 1)
    return page.replace(b"(prefers-color-scheme: dark)", b"all" if theme == "dark" else b"not all", 1)


@lru_cache(maxsize=4)  # of pages and of what they were made of
def _page(content: bytes, title: str) -> bytes:
    # Imported here, so that the first look at the reports does not wait for nbconvert.
    from galley.notebooks.page import make_page

    try:
        return make_page(parse_notebook(content), title).encode()
    except ValueError as error:
        raise HTTPException(422, f"This report cannot be shown. {error}. Download it to look at it.") from None
