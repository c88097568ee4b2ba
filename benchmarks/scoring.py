"""Scoring: a long file predicted as the stage does it, and as a script of pandas does. Time, and memory by rows.

Usage: .venvs/workbench/bin/python benchmarks/scoring.py [ROWS [ROUNDS]]; a million rows, five rounds.

Each run is a process of its own, and says how long it took after its imports and how much memory it needed at most.
Four weeks of flights are repeated under other names until there are enough; the model has learned from the same weeks.
Both files of predictions are compared, byte by byte.
"""

import filecmp
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from measuring import in_turns, keep, ratios, shown, summed_up, table

LAST = date(2026, 11, 22)
DAYS = 28
THRESHOLD = 0.5
TENTH = 10


def plain(data: Path, model: Path, target: Path) -> None:
    """What one would write first: all rows in one frame, and nothing checked."""
    import joblib
    import pandas as pd

    from flights.features import FEATURES

    pipeline = joblib.load(model)
    frame = pd.read_csv(data)
    predictions = frame[["flight_id"]].assign(probability=pipeline.predict_proba(frame[FEATURES])[:, 1])
    predictions["prediction"] = (predictions["probability"] >= THRESHOLD).astype(int)
    predictions.to_csv(target, index=False, lineterminator="\n")


def checked(data: Path, model: Path, target: Path) -> None:
    """The same by a script that keeps to the contract."""
    import joblib

    from flights.contract import read_data
    from flights.features import FEATURES

    pipeline = joblib.load(model)
    frame = read_data(data)
    predictions = frame[["flight_id"]].assign(probability=pipeline.predict_proba(frame[FEATURES])[:, 1])
    predictions["prediction"] = (predictions["probability"] >= THRESHOLD).astype(int)
    predictions.to_csv(target, index=False, lineterminator="\n")


def streamed(data: Path, model: Path, target: Path) -> None:
    """As the stage does it: checked, in parts, everything at the same time."""
    import joblib

    from flights.predictor import Predictor
    from flights.stream import stream_data
    from galley.scoring.score import score

    predict = Predictor(joblib.load(model))
    score(stream_data(data), target, predict, key="flight_id", threshold=THRESHOLD, show=["flight_id"])


WAYS: dict[str, Callable[[Path, Path, Path], None]] = {"pandas": plain, "pandas, checked": checked, "stage": streamed}


def be(way: str, *paths: str) -> None:
    """In a process of its own: do it, and say seconds and megabytes."""
    import joblib  # noqa: F401 # what all ways import is not measured
    import pyarrow.csv  # noqa: F401

    import flights.features
    import flights.stream  # noqa: F401

    began, used = time.perf_counter(), time.process_time()
    WAYS[way](*map(Path, paths))
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    print(json.dumps({"seconds": seconds, "processor": processor, "megabytes": most_memory()}))  # noqa: T201


def most_memory() -> float:
    """Megabytes that this process had at most. What getrusage says may be of the process that started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1000


def make(folder: Path, rows: int) -> None:
    """Rows to predict, a tenth of them, and a model."""
    import joblib
    import pandas as pd

    from flights.features import FEATURES, build
    from flights.source import replay

    days = [replay(LAST - timedelta(n)) for n in range(DAYS)]
    data = pd.concat([day.data for day in days], ignore_index=True)
    late = pd.concat([day.target for day in days], ignore_index=True)["late"]
    joblib.dump(build("hist_gradient_boosting", {}, seed=0).fit(data[FEATURES], late), folder / "model")
    for name, count in (("all", rows), ("tenth", rows // TENTH)):
        with (folder / name).open("w") as stream:
            for copy, first in enumerate(range(0, count, len(data))):
                named = data[: count - first].assign(flight_id=data["flight_id"] + f"-{copy}")
                named.to_csv(stream, index=False, header=copy == 0)


def run(way: str, name: str, folder: Path) -> dict[str, float]:
    """What one way says of itself."""
    paths = [str(folder / name), str(folder / "model"), str(folder / f"{way}.csv")]
    command = [sys.executable, __file__, "--be", way, *paths]
    told: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return told


def measure(rows: int, rounds: int) -> dict[str, Any]:
    """Seconds by way, the ratios, and the megabytes for all rows and for a tenth of them."""
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as scratch:
        folder = Path(scratch)
        make(folder, rows)
        runs = in_turns({way: lambda way=way: run(way, "all", folder) for way in WAYS}, rounds)
        for way in ("pandas, checked", "stage"):
            if not filecmp.cmp(folder / f"{way}.csv", folder / "pandas.csv", shallow=False):
                raise SystemExit(f"{way} wrote other predictions than pandas.")
        tenth = {way: run(way, "tenth", folder)["megabytes"] for way in WAYS}
        return {"rows": rows, "bytes": (folder / "all").stat().st_size, "runs": runs, "megabytes_for_a_tenth": tenth}


def of(results: dict[str, Any], name: str) -> dict[str, list[float]]:
    """One figure of all runs, by way."""
    return {way: [run[name] for run in runs] for way, runs in results["runs"].items()}


def main() -> None:
    """Measure, and keep the table in docs/benchmarks.md and the figures beside this file."""
    rows, rounds = [*map(int, sys.argv[1:]), *(1_000_000, 5)[len(sys.argv) - 1 :]]
    results = measure(rows, rounds)
    seconds, processor, megabytes = (of(results, name) for name in ("seconds", "processor", "megabytes"))
    lines = []
    for way in WAYS:
        ratio = f"**{shown(ratios(seconds, 'stage', way))}**" if way != "stage" else ""
        used = [shown(summed_up(of_way[way])) for of_way in (seconds, processor)]
        memory = [f"{results['megabytes_for_a_tenth'][way]:.0f}", f"{max(megabytes[way]):.0f}"]
        lines.append([way, used[0], ratio, used[1], *memory])
    head = [f"{rows:,} rows", "seconds", "stage : this", "of a processor", f"MB for {rows // TENTH:,}", "MB for all"]
    told = table(head, lines)
    print(told)  # noqa: T201
    keep(__file__, results, told)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--be"]:
        be(*sys.argv[2:])
    else:
        main()
