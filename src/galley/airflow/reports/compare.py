"""Comparison: one stage on two days. What was asked, concluded and printed, and both reports side by side."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from nbformat import NotebookNode

from galley.airflow.reports.access import READS_DAG
from galley.airflow.reports.pages import note, page
from galley.airflow.reports.report import address
from galley.days import is_day
from galley.reports import differences
from galley.reports.index import Index
from galley.reports.report_path import ReportPath

router = APIRouter(dependencies=[READS_DAG])

_CHOICES = 90
"""Days that can be chosen to compare with, from a list."""


@router.get("/compare/{ds}/{dag_id}/{name}")
def compare(
    request: Request, ds: str, dag_id: str, name: str, other: Annotated[str, Query(max_length=20)] = ""
) -> HTMLResponse:
    """The stage `name` of a day beside the same of another; the day before it, if none is given."""
    index: Index = request.app.state.index
    if not index.has(ds, dag_id) or index.dag_day(ds, dag_id).stage(name) is None:
        raise HTTPException(404)
    chosen = other if is_day(other) else index.neighbours(ds, dag_id)[0] or ""
    if not chosen or index.dag_day(chosen, dag_id).stage(name) is None:
        back = {"Back to the report": f"/reports/{ds}/{dag_id}/{name}.html"}
        return note(request, "Nothing to compare with", f"{name} has no run on {chosen or 'another day'}.", 404, back)
    report_paths = [_report_path(index, day, dag_id, name) for day in (chosen, ds)]
    left, right = (_read(index, report_path) for report_path in report_paths)
    days = [day for day in index.days() if index.has(day, dag_id)][:_CHOICES]
    return page(
        request,
        "compare",
        name=name,
        ds=ds,
        dag_id=dag_id,
        report_paths=report_paths,
        choices=sorted({*days, chosen} - {ds}, reverse=True),
        addresses=[
            address(day, stage)
            for report_path in report_paths
            if (stage := (day := index.dag_day(report_path.ds, dag_id)).stage(name))
        ],
        tables={
            "Parameters": differences.parameters(left, right),
            "Conclusion": differences.conclusions(left, right),
        },
        lines=differences.outputs(left, right),
    )


def _report_path(index: Index, ds: str, dag_id: str, name: str) -> ReportPath:
    """The accepted run; the newest attempt, where none was accepted."""
    stage = index.dag_day(ds, dag_id).stage(name)
    number = None if stage is None or stage.is_accepted or not stage.numbers else stage.numbers[-1]
    return ReportPath(ds, dag_id, name, number)


def _read(index: Index, report_path: ReportPath) -> NotebookNode:
    try:
        node = report_path.notebook(index.outputs)
    except ValueError as error:
        raise HTTPException(422, f"{report_path.path} cannot be compared. {error}.") from None
    if node is None:
        raise HTTPException(404)
    return node
