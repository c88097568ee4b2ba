"""Tabs: what Airflow shows beside a run and beside a task. They lead to the day and to the stage, or say why not."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response

from galley.airflow.reports import runs
from galley.airflow.reports.access import READS_DAG
from galley.airflow.reports.pages import note
from galley.airflow.reports.report import address
from galley.reports.index import DagDay, Index, Stage
from galley.reports.report_path import ReportPath

router = APIRouter(dependencies=[READS_DAG])
Text = Annotated[str, Query(max_length=250)]
_ALL = {"All reports": "/reports"}


@router.get("/runs")
def run(request: Request, dag_id: Text, run_id: Text) -> Response:
    """The tab of a run: its day."""
    index: Index = request.app.state.index
    ds = runs.day_of(index, dag_id, run_id)
    if ds is not None and index.has(ds, dag_id) and index.dag_day(ds, dag_id).stages:
        return RedirectResponse(f"{request.scope['root_path']}/reports/{ds}/{quote(dag_id)}", 303)
    if ds is None:
        return note(request, "There is no such run", f"Airflow knows no run {run_id} of {dag_id}.", 404, _ALL)
    if not runs.has_notebooks(dag_id, run_id):
        text = f"No task of {dag_id} runs a notebook, so there is nothing to show here. Its logs are with its tasks."
        return note(request, "No notebooks in this DAG", text, links=_ALL)
    text = f"No stage of {dag_id} has started for {ds}. This page shows each one as soon as it runs."
    return note(request, "Nothing has run yet", text, links=_ALL, is_passing=True)


@router.get("/tasks")
def task(request: Request, dag_id: Text, run_id: Text, task_id: Text, map_index: Text = "-1") -> Response:
    """The tab of a task: its stage, with the attempts. `map_index` is no number where a task is not mapped."""
    index: Index = request.app.state.index
    ds = runs.day_of(index, dag_id, run_id)
    number = int(map_index) if map_index.isascii() and map_index.isdecimal() else -1
    if ds is not None and index.has(ds, dag_id):
        day = index.dag_day(ds, dag_id)
        found = _find(index, day, run_id, task_id, number)
        if found:
            return RedirectResponse(f"{request.scope['root_path']}{found}", 303)
    known = runs.task(dag_id, run_id, task_id, number)
    day_link = {"The day's reports": f"/reports/{ds}/{dag_id}"} if ds and index.has(ds, dag_id) else {}
    if known is None and number < 0:
        return note(request, "No report here", f"{task_id} has no run of its own in {run_id}.", links=day_link | _ALL)
    if known is None:
        return note(request, "There is no such task", f"{run_id} has no task {task_id}.", 404, _ALL)
    if known.is_review:
        text = "A person's answer is asked for here, by what the report shows."
        answer = f"/dags/{quote(dag_id)}/runs/{quote(run_id, safe='')}/tasks/{quote(task_id)}/required_actions"
        return note(request, "A review", text, links={**day_link, "Go to the answer": answer, **_ALL})
    if known.is_notebook and known.is_over:
        text = f"{task_id} ran no notebook in this run: {known.state}. Its log, or that of a task before it, says why."
        return note(request, "No report", text, links=day_link | _ALL)
    if known.is_notebook:
        text = f"{task_id} has not run a notebook in this run: {known.state or 'it has not started'}."
        return note(request, "No report yet", text, links=day_link | _ALL, is_passing=True)
    text = f"{task_id} runs no notebook ({known.operator}), so there is no report of it. Its log says what it did."
    return note(request, "Not a notebook", text, links=day_link | _ALL)


def _find(index: Index, day: DagDay, run_id: str, task_id: str, map_index: int) -> str | None:
    """The address of the newest report of a task in a run; of its first mapped one, where no index is given."""
    for stage in day.stages:
        if stage.newest.run_id == run_id and _is_of(stage, task_id, map_index):
            return address(day, stage)
    for stage in day.stages:
        if not stage.newest.task_id or _is_of(stage, task_id, map_index):
            for number, record, _ in index.records(day.ds, day.dag_id, stage):
                if record.run_id == run_id and record.task_id == task_id:
                    return f"/reports/{ReportPath(day.ds, day.dag_id, stage.name, number).path}"
    return None


def _is_of(stage: Stage, task_id: str, map_index: int) -> bool:
    return stage.newest.task_id == task_id and map_index in (-1, stage.newest.map_index)
