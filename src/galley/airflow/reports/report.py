"""The report: one stage of one day, its executed notebook. Tabs for the other stages, a menu of its attempts."""

from datetime import date
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from galley.airflow.reports import runs
from galley.airflow.reports.access import READS_DAG, ReaderDep
from galley.airflow.reports.pages import note, page
from galley.reports.index import ACCEPTED, DagDay, Index, Stage, interrupted
from galley.reports.record import Record
from galley.reports.report_path import Place
from galley.run import attempts
from galley.run.attempts import Attempts
from galley.storage import files

router = APIRouter(dependencies=[READS_DAG])


@router.get("/reports/{ds}/{dag_id}")
def of_day(request: Request, ds: str, dag_id: str) -> Response:
    """A DAG's day: leads to the stage that wants to be looked at, or to the last one."""
    index: Index = request.app.state.index
    if not index.has(ds, dag_id):
        raise HTTPException(404)
    day = index.dag_day(ds, dag_id)
    if not day.stages:
        return note(request, f"{dag_id}, {ds}", "No stage of this day has run yet.", links={"All reports": "/reports"})
    stage = next((stage for stage in day.stages if stage.state != ACCEPTED), day.stages[-1])
    return RedirectResponse(f"{request.scope['root_path']}{address(day, stage)}", 303)


@router.get("/reports/{ds}/{dag_id}/{name:path}")
def of_stage(request: Request, may_read: ReaderDep, ds: str, dag_id: str, name: str) -> HTMLResponse:
    """A stage's report, of the attempt that the address names or of the accepted run."""
    index: Index = request.app.state.index
    place = Place.parse(ds, dag_id, name)
    if place is None or place.kind != "html" or place.of_kind("ipynb").find(index.outputs) is None:
        raise HTTPException(404)
    day = index.dag_day(ds, dag_id)
    stage = day.stage(place.stage)
    if stage is None:
        raise HTTPException(404)
    kept = list(index.records(ds, dag_id, stage))
    before, after = index.neighbours(ds, dag_id)
    return page(
        request,
        "report",
        place=place,
        date=date.fromisoformat(ds),
        day=day,
        stage=stage,
        stages=[(other, address(day, other)) for other in day.stages],
        dags=[other for other in index.dags(ds) if may_read(other)],
        attempts=[(Place(ds, dag_id, stage.name, number), *rest) for number, *rest in kept],
        record=_record(index, place, stage),
        is_superseded=bool(stage.numbers) and place.number not in (None, stage.numbers[-1]),
        frame=_frame(index, place, stage),
        progress=_progress(index, place) if _is_running(index, place, stage) else None,
        before=_same_stage(index, before, place),
        after=_same_stage(index, after, place),
        reviews=[r for r in runs.waiting_reviews(may_read) if (r.ds, r.dag_id) == (ds, dag_id)],
        lab=bool(request.app.state.settings.lab_url),
    )


@router.get("/progress/{ds}/{dag_id}/{name:path}")
def progress(request: Request, ds: str, dag_id: str, name: str) -> JSONResponse:
    """How far an attempt is: what the page of a running stage asks for again and again."""
    index: Index = request.app.state.index
    place = Place.parse(ds, dag_id, name)
    stage = index.dag_day(ds, dag_id).stage(place.stage) if place else None
    if place is None or stage is None or place.of_kind("ipynb").find(index.outputs) is None:
        raise HTTPException(404)
    told = {**_progress(index, place), "running": _is_running(index, place, stage)}
    return JSONResponse(told, headers={"Cache-Control": "no-store"})


def address(day: DagDay, stage: Stage) -> str:
    """Where a stage's newest attempt is shown; a stage that stands accepted has an address without a number."""
    number = None if stage.state == ACCEPTED or not stage.numbers else stage.numbers[-1]
    return f"/reports/{Place(day.ds, day.dag_id, stage.name, number).path}"


def _same_stage(index: Index, ds: str | None, place: Place) -> str | None:
    """The same stage on another day, or that day, if it has no such stage."""
    if ds is None:
        return None
    day = index.dag_day(ds, place.dag_id)
    stage = day.stage(place.stage)
    return address(day, stage) if stage else f"/reports/{ds}/{place.dag_id}"


def _record(index: Index, place: Place, stage: Stage) -> Record:
    if stage.numbers and place.number == stage.numbers[-1]:
        return stage.newest
    record = Record.read(index.outputs / place.of_kind("ipynb").path)
    return interrupted(record) if record.state == attempts.RUNNING else record


def _is_running(index: Index, place: Place, stage: Stage) -> bool:
    is_newest = bool(stage.numbers) and place.number == stage.numbers[-1]
    return is_newest and stage.newest.state == attempts.RUNNING and _attempts(index, place).is_running()


def _attempts(index: Index, place: Place) -> Attempts:
    return Attempts(index.outputs / place.ds / place.dag_id, place.stage)


def _frame(index: Index, place: Place, stage: Stage) -> str:
    """What the inner frame shows: the page that was rendered, or, without one, the notebook as it stands."""
    if _is_running(index, place, stage):
        return f"/live/{place.path}"
    return f"/files/{place.path}"


def _progress(index: Index, place: Place) -> dict[str, Any]:
    path = index.outputs / place.of_kind("ipynb").path
    version, cells = files.version(path), files.read_notebook(path).cells
    done = sum(cell.metadata.get("papermill", {}).get("status") == "completed" for cell in cells)
    return {"done": done, "cells": len(cells), "version": version}
