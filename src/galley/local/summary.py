"""The summary: what the demonstration did, how long each stage took, and where to look."""

from itertools import groupby

from galley.local.plan import Plan
from galley.local.runs import DagRun
from galley.storage import files


def of(plan: Plan, runs: list[DagRun]) -> str:
    """The closing words of `make run`. Everything in it was read from Airflow and from the files just now."""
    day = plan.day
    places = [
        ("predictions", day.predictions / "predictions.csv"),
        ("model files", day.models),
        ("decision", day.reports(day.settings.model.train) / "decision.json"),
        ("reports", day.settings.outputs / day.ds),
    ]
    return "\n".join(
        [
            "",
            table([("DAG", "day", "stage", "state", "seconds"), *_stages(runs)]),
            "",
            *(f"{label:<12} {value}" for label, value in [*_model(plan), *places]),
            f"{'next':<12} make up",
        ]
    )


def table(rows: list[tuple[str, ...]]) -> str:
    """Rows as aligned columns, the last one to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            [*(cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)), row[-1].rjust(widths[-1])]
        )
        for row in rows
    )


def _stages(runs: list[DagRun]) -> list[tuple[str, ...]]:
    """A row for each stage; of a DAG that ran for several days, a row for each stage of all its days together."""
    rows: list[tuple[str, ...]] = []
    for dag_id, group in groupby(runs, key=lambda run: run.dag_id):
        days = list(group)
        for task in days[0].tasks_in_order:
            tries = [other for run in days for other in run.tasks if other.task_id == task.task_id]
            states = sorted({other.state or "none" for other in tries})
            seconds = sum(other.seconds or 0.0 for other in tries)
            when = days[0].ds if len(days) == 1 else f"{days[0].ds} to {days[-1].ds}"
            rows.append((dag_id, when, task.task_id, ", ".join(states), f"{seconds:.1f}"))
    return rows


def _model(plan: Plan) -> list[tuple[str, str]]:
    """Which version was reviewed, and every number of the stages that the model's key metrics are of."""
    model = plan.day.settings.model
    concluded = files.read_json(plan.day.reports(model.train) / "metrics.json")
    version = (concluded.get(model.review) or {}).get("version", "?")
    stages = dict.fromkeys(name.partition(".")[0] for name in model.metrics)
    numbers = {
        name: value
        for stage in stages
        for name, value in (concluded.get(stage) or {}).items()
        if isinstance(value, int | float)
    }
    metrics = ", ".join(f"{name} {value:.4g}" for name, value in numbers.items())
    return [("model", f"{model.name} version {version}"), ("metrics", metrics)]
