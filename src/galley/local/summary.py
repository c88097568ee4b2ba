"""The summary: what the demonstration did, how long each stage took, and where to look."""

from itertools import groupby
from typing import Any

from galley import files
from galley.local.plan import Plan
from galley.local.runs import DagRun


def of(plan: Plan, runs: list[DagRun]) -> str:
    """The closing words of `make run`. Everything in it was read from Airflow and from the files just now."""
    day = plan.day
    places = [
        ("predictions", day.predictions / "predictions.csv"),
        ("model", day.models),
        ("decision", day.reports("train_weekly") / "decision.json"),
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
    """What the stages concluded about the model: each number and name of the validation, and who promoted what."""
    conclusions = files.read_json(plan.day.reports("train_weekly") / "metrics.json")
    return [(stage, _plain(conclusions[stage])) for stage in ("validate", "promote") if stage in conclusions]


def _plain(values: dict[str, Any]) -> str:
    shown = {name: value for name, value in values.items() if isinstance(value, str | int | float)}
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in shown.items()
    )
