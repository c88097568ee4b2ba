"""Plot: what was measured, as one picture: how long each takes beside the script or the tasks that do the same.

Usage: .venvs/bench/bin/python benchmarks/plot.py; reads the JSON beside it and writes docs/pictures/benchmarks.svg.
"""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from measuring import HOME, ratios

from galley.storage import files

HERE = Path(__file__).parent


def read() -> dict[str, float]:
    """The ratios, by what is compared; nothing of what was not measured."""
    found: dict[str, float] = {}
    if stages := kept("stages"):
        found |= {f"{stage} : script": ratios(stages[stage], "forked", "script")["median"] for stage in stages}
    if runs := kept("weekly"):
        seconds = {way: [run["seconds"] for run in runs[way]] for way in runs}
        for way, name in (("python", "PythonOperator"), ("bash", "BashOperator")):
            found[f"five steps in Airflow : {name}"] = ratios(seconds, "notebooks", way)["median"]
    for rows, taken in (kept("scoring") or {}).items():
        seconds = {way: [run["seconds"] for run in runs] for way, runs in taken["runs"].items()}
        found[f"{int(rows):,} rows scored : pandas"] = ratios(seconds, "stage", "pandas")["median"]
    return found


def kept(name: str) -> Any:
    """What a script has kept beside itself; nothing if it never ran."""
    path = HERE / f"{name}.json"
    return files.read_json(path) if path.is_file() else {}


def main() -> None:
    """Draw it."""
    mpl.rcParams["svg.hashsalt"] = "galley"  # the same figures, the same bytes
    found = read()
    figure, axes = plt.subplots(figsize=(8.5, 0.32 * len(found) + 0.9), layout="constrained")
    bars = axes.barh(list(found), list(found.values()), color="#5b7f5b")
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.axvline(1, color="grey", linestyle=":")
    axes.invert_yaxis()
    axes.set(xlim=(0, 1.15), xlabel="time of the notebook : time of what it is compared with (shorter is better)")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(HOME / "docs" / "pictures" / "benchmarks.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
