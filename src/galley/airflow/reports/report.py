"""The report: one stage of one day, its executed notebook. Tabs for the other stages, a menu of its attempts."""

from datetime import date
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from galley.airflow.reports import runs
from galley.airflow.reports.access import READS_DAG, ReaderDep
from galley.airflow.reports.pages import note, page
from galley.reports.index import ACCEPTED, DagDay, Index, Stage, interrupted
from galley.reports.production import Line
from galley.reports.record import Record
from galley.reports.report_path import ReportPath
from galley.run import attempts
from galley.run.attempts import Attempts
from galley.storage import files

router = APIRouter(dependencies=[READS_DAG])


@router.get("/reports/{ds}/{dag_id}")
def of_day(request: Request, ds: str, dag_id: str) -> Response:
    """A DAG's day: leads to the stage that wants to be looked at, to a training's review, or to the last one."""
    index: Index = request.app.state.index
    if not index.has(ds, dag_id):
        raise HTTPException(404)
    day = index.dag_day(ds, dag_id)
    if not day.stages:
        return note(request, f"{dag_id}, {ds}", "No stage of this day has run yet.", links={"All reports": "/reports"})
    model = request.app.state.settings.project.model_of_dag(dag_id)
    review = model.review if model and model.train == dag_id else ""
    last = next((stage for stage in day.stages if stage.label == review), day.stages[-1])
    stage = next((stage for stage in day.stages if stage.state != ACCEPTED), last)
    return RedirectResponse(f"{request.scope['root_path']}{address(day, stage)}", 303)


@router.get("/reports/{ds}/{dag_id}/{name:path}")
def of_stage(request: Request, may_read: ReaderDep, ds: str, dag_id: str, name: str) -> HTMLResponse:
    """A stage's report, of the attempt that the address names or of the accepted run."""
    index: Index = request.app.state.index
    report_path = ReportPath.parse(ds, dag_id, name)
    if report_path is None or report_path.kind != "html" or not report_path.of_kind("ipynb").exists(index.outputs):
        raise HTTPException(404)
    day = index.dag_day(ds, dag_id)
    stage = day.stage(report_path.stage)
    if stage is None:
        raise HTTPException(404)
    kept = list(index.records(ds, dag_id, stage))
    before, after = index.neighbours(ds, dag_id)
    return page(
        request,
        "report",
        report_path=report_path,
        date=date.fromisoformat(ds[:10]),
        day=day,
        stage=stage,
        stages=[(other, address(day, other)) for other in day.stages],
        dags=[other for other in index.dags(ds) if may_read(other)],
        attempts=[(ReportPath(ds, dag_id, stage.name, number), *rest) for number, *rest in kept],
        record=_record(index, report_path, stage),
        was_replaced=report_path.was_replaced(index.outputs),
        is_superseded=bool(stage.numbers) and report_path.number not in (None, stage.numbers[-1]),
        frame=_frame(index, report_path, stage),
        progress=_progress(index, report_path) if _is_running(index, report_path, stage) else None,
        before=_same_stage(index, before, report_path),
        after=_same_stage(index, after, report_path),
        is_undecided=index.is_undecided(ds, dag_id),
        outcome=_outcome(request, ds, dag_id),
        reviews=[r for r in runs.waiting_reviews(index, may_read) if (r.ds, r.dag_id) == (ds, dag_id)],
        lab=bool(request.app.state.settings.lab_url),
    )


@router.get("/progress/{ds}/{dag_id}/{name:path}")
def progress(request: Request, ds: str, dag_id: str, name: str) -> JSONResponse:
    """How far an attempt is: what the page of a running stage asks for again and again."""
    index: Index = request.app.state.index
    report_path = ReportPath.parse(ds, dag_id, name)
    stage = index.dag_day(ds, dag_id).stage(report_path.stage) if report_path else None
    if report_path is None or stage is None or not report_path.of_kind("ipynb").exists(index.outputs):
        raise HTTPException(404)
    state = {**_progress(index, report_path), "running": _is_running(index, report_path, stage)}
    return JSONResponse(state, headers={"Cache-Control": "no-store"})


def address(day: DagDay, stage: Stage) -> str:
    """Where a stage's newest attempt is shown; a stage that stands accepted has an address without a number."""
    number = None if stage.state == ACCEPTED or not stage.numbers else stage.numbers[-1]
    return f"/reports/{ReportPath(day.ds, day.dag_id, stage.name, number).path}"


def _outcome(request: Request, ds: str, dag_id: str) -> Line | None:
    """The newest decision about this run of a model's DAG, and what became of it."""
    model = request.app.state.settings.project.model_of_dag(dag_id)
    lines = request.app.state.productions.of(model.name).lines if model else ()
    return next((line for line in lines if line.page.startswith(f"{ds}/{dag_id}/")), None)


def _same_stage(index: Index, ds: str | None, report_path: ReportPath) -> str | None:
    """The same stage on another day, or that day, if it has no such stage."""
    if ds is None:
        return None
    day = index.dag_day(ds, report_path.dag_id)
    stage = day.stage(report_path.stage)
    return address(day, stage) if stage else f"/reports/{ds}/{report_path.dag_id}"


def _record(index: Index, report_path: ReportPath, stage: Stage) -> Record:
    if stage.numbers and report_path.number == stage.numbers[-1]:
        return stage.newest
    record = Record.read(index.outputs / report_path.of_kind("ipynb").path)
    return interrupted(record) if record.state == attempts.RUNNING else record


def _is_running(index: Index, report_path: ReportPath, stage: Stage) -> bool:
    is_newest = bool(stage.numbers) and report_path.number == stage.numbers[-1]
    return is_newest and stage.newest.state == attempts.RUNNING and _attempts(index, report_path).is_running()


def _attempts(index: Index, report_path: ReportPath) -> Attempts:
    return Attempts(index.outputs / report_path.ds / report_path.dag_id, report_path.stage)


def _frame(index: Index, report_path: ReportPath, stage: Stage) -> str:
    """What the inner frame shows: the page that was rendered, or, without one, the notebook as it stands."""
    if _is_running(index, report_path, stage):
        return f"/live/{report_path.path}"
    return f"/files/{report_path.path}"


def _progress(index: Index, report_path: ReportPath) -> dict[str, Any]:
    path = index.outputs / report_path.of_kind("ipynb").path
    version, cells = files.version(path), files.read_notebook(path).cells
    done = sum(cell.metadata.get("papermill", {}).get("status") == "completed" for cell in cells)
    return {"done": done, "cells": len(cells), "version": version}
