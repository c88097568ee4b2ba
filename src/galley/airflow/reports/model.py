"""A model's page: what is in production, every decision that led there, the way back, its metrics over all weeks."""

from dataclasses import dataclass

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from galley.airflow.reports.access import ReaderDep, TriggerDep
from galley.airflow.reports.pages import page
from galley.project import DeclaredModel
from galley.reports.index import Index
from galley.reports.key_metric import value_of

router = APIRouter()
_WIDTH, _HEIGHT = 960, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 12, 12, 26
_TICKS = 4


@dataclass(frozen=True)
class Point:
    """A day's value, and where it is drawn."""

    ds: str
    value: float
    x: float
    y: float


@dataclass(frozen=True)
class Chart:
    """A metric over all days; `ticks` are values and where they are drawn."""

    name: str
    points: list[Point]
    ticks: list[tuple[float, float]]


@router.get("/models/{name}")
def of_model(request: Request, may_read: ReaderDep, may_trigger: TriggerDep, name: str) -> HTMLResponse:
    """The page of a model whose training DAG the user may read."""
    settings = request.app.state.settings
    model = settings.project.models.get(name)
    if model is None:
        raise HTTPException(404)
    if not may_read(model.train):
        raise HTTPException(403)
    return page(
        request,
        "model",
        production=request.app.state.productions.of(name),
        declared=model,
        rollback=model.rollback if model.rollback and may_trigger(model.rollback) else "",
        charts=_charts(request.app.state.index, model),
    )


def _charts(index: Index, model: DeclaredModel) -> list[Chart]:
    days = [ds for ds in reversed(index.days()) if index.has(ds, model.train)]
    series = {
        name: [(ds, value) for ds in days if (value := value_of(index, ds, model.train, name)) is not None]
        for name in model.metrics
    }
    return [_chart(name, values) for name, values in series.items() if values]


def _chart(name: str, values: list[tuple[str, float]]) -> Chart:
    """The values, days at equal distances; one tick in the middle where all are the same."""
    low, high = min(value for _, value in values), max(value for _, value in values)
    step = (_WIDTH - _LEFT - _RIGHT) / max(len(values) - 1, 1)

    def y(value: float) -> float:
        share = (high - value) / (high - low) if low < high else 0.5
        return round(_TOP + share * (_HEIGHT - _TOP - _BOTTOM), 1)

    points = [Point(ds, value, round(_LEFT + step * n, 1), y(value)) for n, (ds, value) in enumerate(values)]
    ticks = sorted({low + (high - low) * n / _TICKS for n in range(_TICKS + 1)})
    return Chart(name, points, [(tick, y(tick)) for tick in ticks])
