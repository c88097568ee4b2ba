"""The listing: Reports in the navigation. Weeks and days, newest first, with their DAGs, stages and decisions."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from galley.airflow.reports import runs
from galley.airflow.reports.access import ReaderDep
from galley.airflow.reports.pages import page
from galley.airflow.reports.report import address
from galley.airflow.reports.runs import Review
from galley.days import is_day
from galley.project import DeclaredModel
from galley.reports import production
from galley.reports.index import DagDay, Index, Stage
from galley.reports.key_metric import KeyMetric, key_metric
from galley.reports.search import DECISIONS, Filter, search

router = APIRouter()
Text = Annotated[str, Query(max_length=250)]
_WIDTH, _HEIGHT = 96, 22
_LOOKED = 60
"""Days in which the last prediction is looked for."""


@dataclass(frozen=True)
class Line:
    """One DAG on one day, as a line of the listing."""

    day: DagDay
    stages: list[tuple[Stage, str]]
    key_metric: KeyMetric | None
    points: str
    reviews: list[Review]
    is_undecided: bool
    outcome: production.Line | None


@router.get("/reports")
def listing(
    request: Request,
    may_read: ReaderDep,
    model: Text = "",
    dag: Text = "",
    state: Text = "",
    decision: Text = "",
    text: Text = "",
    since: Text = "",
    until: Text = "",
    before: Text = "",
) -> HTMLResponse:
    """Days and weeks, newest first; what is no day in the filter counts as not given."""
    index: Index = request.app.state.index
    declared = request.app.state.settings.project

    def is_shown(dag_id: str) -> bool:
        found = declared.model_of_dag(dag_id)
        return may_read(dag_id) and (not model or (found is not None and found.name == model))

    reviews = runs.waiting_reviews(index, is_shown)
    wanted = Filter(dag, state, since if is_day(since) else "", until if is_day(until) else "", decision, text.strip())
    days, settings = index.days(), request.app.state.settings
    productions = [
        request.app.state.productions.of(found.name)
        for found in declared.models.values()
        if may_read(found.train) and model in ("", found.name)
    ]
    outcome = _outcome(productions)
    awaiting = {(review.ds, review.dag_id) for review in reviews}
    decided = {about: f"{line.decision}\n{line.person}\n{line.reason}" for about, line in outcome.items()}
    found = search(index, wanted, is_shown, awaiting, before, decided)
    lines = {
        ds: [
            _line(
                day,
                key_metric(index, ds, day.dag_id, settings.metrics_of(day.dag_id), days),
                reviews,
                index.is_undecided(ds, day.dag_id),
                outcome.get((ds, day.dag_id)),
            )
            for day in dags
        ]
        for ds, dags in found.days
    }
    return page(
        request,
        "listing",
        weeks=list(_weeks(lines)),
        wanted=wanted,
        model=model,
        decisions=DECISIONS,
        models=list(declared.models),
        productions=[
            (each, _pinned(index, model_of.predict, days), _trends(index, model_of, days))
            for each, model_of in ((each, declared.models[each.model]) for each in productions)
        ],
        dags=sorted({name for ds in days[:_LOOKED] for name in index.dags(ds) if may_read(name)} | {dag} - {""}),
        before=found.before,
        is_first=not before,
        reviews=reviews,
    )


@router.get("/reports/{ds}")
def of_day(request: Request, ds: str) -> RedirectResponse:
    """The listing of one day."""
    query = f"?since={ds[:10]}&until={ds[:10]}" if is_day(ds) else ""
    return RedirectResponse(f"{request.scope['root_path']}/reports{query}", 303)


def _outcome(productions: list[production.Production]) -> dict[tuple[str, str], production.Line]:
    """The newest decision of each day and DAG, by the page of its review."""
    lines = [(line.page.split("/"), line) for each in productions for line in each.lines if "/" in line.page]
    return {(ds, dag_id): line for (ds, dag_id, *_), line in reversed(lines)}


def _pinned(index: Index, predict: str, days: list[str]) -> str:
    """The newest day that was predicted, if that was by a model which nobody decided on; blank if not."""
    newest = next((ds for ds in days[:_LOOKED] if predict and index.has(ds, predict)), "")
    return newest if newest and index.is_undecided(newest, predict) else ""


def _trends(index: Index, model: DeclaredModel, days: list[str]) -> list[tuple[KeyMetric, str]]:
    """The metrics that the newest training concluded, each with its trend."""
    newest = next((ds for ds in days[:_LOOKED] if index.has(ds, model.train)), "")
    found = (key_metric(index, newest, model.train, [name], days) for name in model.metrics if newest)
    return [(metric, _points(metric.trend)) for metric in found if metric]


def _line(
    day: DagDay, found: KeyMetric | None, reviews: list[Review], is_undecided: bool, outcome: production.Line | None
) -> Line:
    return Line(
        day,
        [(stage, address(day, stage)) for stage in day.stages],
        found,
        _points(found.trend) if found else "",
        [review for review in reviews if (review.ds, review.dag_id) == (day.ds, day.dag_id)],
        is_undecided,
        outcome,
    )


def _weeks(lines: dict[str, list[Line]]) -> Iterator[dict[str, Any]]:
    """The days by calendar week, Monday to Sunday; the runs of a day stand together, the newest first."""
    days = {
        day: [line for ds in of_day for line in lines[ds]]
        for day, of_day in groupby(lines, key=lambda ds: date.fromisoformat(ds[:10]))
    }
    for monday, of_week in groupby(days, key=_monday):
        yield {
            "number": monday.isocalendar().week,
            "monday": monday,
            "sunday": monday + timedelta(6),
            "days": [(day, days[day]) for day in of_week],
        }


def _monday(day: date) -> date:
    return day - timedelta(day.weekday())


def _points(values: tuple[float, ...]) -> str:
    """A trend as the points of an SVG polyline; one value is a dot at the right end."""
    low, high = min(values), max(values)
    step = (_WIDTH - 6) / max(len(values) - 1, 1)
    heights = [(value - low) / (high - low) if high > low else 0.5 for value in values]
    left = _WIDTH - 3 - step * (len(values) - 1)
    return " ".join(
        f"{left + n * step:.1f},{_HEIGHT - 3 - height * (_HEIGHT - 6):.1f}" for n, height in enumerate(heights)
    )
