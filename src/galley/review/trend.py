"""The trend: what each week's model scored and what was decided about it, from what the runs have written."""

from datetime import timedelta
from typing import Any

import pandas as pd

from galley.days import Day, is_day
from galley.storage import files


def weeks(day: Day, count: int) -> pd.DataFrame:
    """The models of the days in the `count` weeks up to this day, oldest first: their metrics and their decisions."""
    first = (day.date - timedelta(weeks=count)).isoformat()
    folders = (day.settings.model_data / "models").glob("????-??-??*")
    days = sorted(folder.name for folder in folders if is_day(folder.name) and first < folder.name <= day.ds)
    found = [Day(ds, day.settings) for ds in days]
    lines = {one.ds: _line(one) for one in found if (one.models / "metrics.json").is_file()}
    return pd.DataFrame(lines).T


def _line(day: Day) -> dict[str, Any]:
    path = day.reports(day.settings.model.train) / "decision.json"
    metrics = files.read_json(day.models / "metrics.json")
    decision = files.read_json(path) if path.is_file() else {}
    # The day may have been trained again since: a decision about another version is none about this one.
    decided = decision.get("decision", "") if decision.get("version") == metrics.get("version") else ""
    return {**metrics, "decision": decided}
