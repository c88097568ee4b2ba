"""Scoring: a long file predicted as the stage does it, and as a script of pandas does. Time, and memory by rows.

Usage: .venvs/bench/bin/python benchmarks/scoring.py [ROWS [ROUNDS]]; a million rows, five rounds.

Each run is a process of its own, and says how long it took after its imports and how much memory it needed at most.
Four weeks of flights are repeated under other names until there are enough; the model has learned from the same weeks.
Both files of predictions are compared, byte by byte. What was measured before with other numbers of rows is kept.
"""

import filecmp
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from measuring import in_turns, keep, ratios, shown, summed_up, table

LAST = date(2026, 11, 22)
DAYS = 28
THRESHOLD = 0.5


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


def streamed(data: Path, model: Path, target: Path) -> None:
    """As the stage does it: checked, in parts, everything at the same time."""
    import joblib

    from flights.contract import DATA
    from flights.features import FEATURES, NUMBERS
    from galley.problems import Binary
    from galley.problems.predictor import Predictor
    from galley.scoring.score import score

    predictor = Predictor(
        joblib.load(model),
        Binary(threshold=THRESHOLD),
        {name: "double" if name in NUMBERS else "string" for name in FEATURES},
    )
    score(DATA.parts(data), target, predictor, key="flight_id", show=["flight_id"])


WAYS: dict[str, Callable[[Path, Path, Path], None]] = {"pandas": plain, "stage": streamed}


def be(way: str, *paths: str) -> None:
    """In a process of its own: do it, and say seconds and megabytes."""
    import joblib  # noqa: F401 # what all ways import is not measured
    import pyarrow.csv  # noqa: F401

    import flights.features  # noqa: F401

    began, used = time.perf_counter(), time.process_time()
    WAYS[way](*map(Path, paths))
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    print(json.dumps({"seconds": seconds, "processor": processor, "megabytes": most_memory()}))  # noqa: T201


def most_memory() -> float:
    """Megabytes that this process had at most. What getrusage says may be of the process that started it."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1000


def make(folder: Path, lengths: Sequence[int]) -> None:
    """A file for each number of rows, and a model."""
    import joblib
    import pandas as pd

    from flights.features import FEATURES, build
    from flights.source import replay

    days = [replay(LAST - timedelta(n)) for n in range(DAYS)]
    data = pd.concat([day.data for day in days], ignore_index=True)
    late = pd.concat([day.target for day in days], ignore_index=True)["late"]
    joblib.dump(build("hist_gradient_boosting", {}, seed=0).fit(data[FEATURES], late), folder / "model")
    heading, *lines = data.assign(flight_id=data["flight_id"] + "-COPY").to_csv(index=False).splitlines(keepends=True)
    for rows in lengths:
        with (folder / str(rows)).open("w") as stream:
            stream.write(heading)
            for copy, first in enumerate(range(0, rows, len(lines))):
                stream.write("".join(lines[: rows - first]).replace("-COPY", f"-{copy}"))


def run(way: str, rows: int, folder: Path) -> dict[str, float]:
    """What one way says of itself."""
    paths = [str(folder / str(rows)), str(folder / "model"), str(folder / f"{way}.csv")]
    command = [sys.executable, __file__, "--be", way, *paths]
    told: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return told


def measure(rows: int, rounds: int) -> dict[str, Any]:
    """What each way says in each round, and megabytes for a hundredth of the rows, for a tenth, and for all."""
    lengths = [rows // 100, rows // 10, rows]
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as scratch:
        folder = Path(scratch)
        make(folder, lengths)
        memory = {str(length): {way: run(way, length, folder)["megabytes"] for way in WAYS} for length in lengths[:-1]}
        runs = in_turns({way: lambda way=way: run(way, rows, folder) for way in WAYS}, rounds)
        memory[str(rows)] = {way: max(told["megabytes"] for told in runs[way]) for way in WAYS}
        if not filecmp.cmp(folder / "stage.csv", folder / "pandas.csv", shallow=False):
            raise SystemExit("The stage wrote other predictions than pandas.")
        return {"bytes": (folder / str(rows)).stat().st_size, "runs": runs, "megabytes": memory}


def times(results: Mapping[str, Any]) -> str:
    """A line for each number of rows."""
    lines = []
    for rows in sorted(results, key=int):
        line = [f"{int(rows):,}"]
        for name in ("seconds", "processor"):
            taken = {way: [told[name] for told in results[rows]["runs"][way]] for way in WAYS}
            line.extend(shown(summed_up(taken[way])) for way in WAYS)
            line.append(f"**{shown(ratios(taken, 'stage', 'pandas'))}**")
        lines.append(line)
    head = [*WAYS, "stage : pandas"]
    return table(
        ["rows", *(f"{name}, s" for name in head[:2]), head[2], *(f"{name}, processor" for name in head)], lines
    )


def memory(results: Mapping[str, Any]) -> str:
    """A column for each number of rows; of what was measured with several, the most."""
    most: dict[int, dict[str, float]] = {}
    for taken in results.values():
        for rows, megabytes in taken["megabytes"].items():
            former = most.setdefault(int(rows), dict.fromkeys(WAYS, 0.0))
            most[int(rows)] = {way: max(former[way], megabytes[way]) for way in WAYS}
    lengths = sorted(most)
    lines = [[way, *(f"{most[rows][way]:,.0f}" for rows in lengths)] for way in WAYS]
    return table(["MB at most, by rows", *(f"{rows:,}" for rows in lengths)], lines)


def main() -> None:
    """Measure, and keep the tables in docs/benchmarks.md and the figures beside this file."""
    rows, rounds = [*map(int, sys.argv[1:]), *(1_000_000, 5)[len(sys.argv) - 1 :]]
    kept = Path(__file__).with_suffix(".json")
    results = json.loads(kept.read_text()) if kept.exists() else {}
    results[str(rows)] = measure(rows, rounds)
    told = f"{times(results)}\n\n{memory(results)}"
    print(told)  # noqa: T201
    keep(__file__, results, told)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--be"]:
        be(*sys.argv[2:])
    else:
        main()
