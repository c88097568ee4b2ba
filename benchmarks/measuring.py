"""Measuring: what the benchmarks share: medians and their spread, turns, scripts of notebooks, tables in a page."""

import json
import os
import re
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import nbformat

HOME = Path(__file__).parents[1]
PAGE = HOME / "docs" / "benchmarks.md"

# Some machines set these for older builds of OpenBLAS; a current NumPy is slowed by them.
for name in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"):
    os.environ.pop(name, None)

# As the kernels have it: what else runs on the machine then costs a script no more than a notebook.
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"

STARTED = time.monotonic()

Taken = TypeVar("Taken")
Summary = dict[str, float]
"""Median, least and most."""


def summed_up(values: Iterable[float], digits: int = 2) -> Summary:
    """The median and the spread of what was measured."""
    taken = list(values)
    summed = {"median": statistics.median(taken), "min": min(taken), "max": max(taken)}
    return {name: round(value, digits) for name, value in summed.items()}


def shown(summary: Summary, digits: int = 2) -> str:
    """The median, with least and most in brackets."""
    return f"{summary['median']:.{digits}f} ({summary['min']:.{digits}f}-{summary['max']:.{digits}f})"


def rounds_of(arguments: list[str]) -> int:
    """How many rounds a script is asked for: its first argument, or five."""
    return int(arguments[0]) if arguments else 5


def in_turns(ways: Mapping[str, Callable[[], Taken]], rounds: int, unkept: int = 1) -> dict[str, list[Taken]]:
    """What each way gives, round after round; another one begins each time. The first rounds are not kept."""
    taken: dict[str, list[Taken]] = {way: [] for way in ways}
    names = list(ways)
    for turn in range(rounds + unkept):
        first = turn % len(names)
        for way in [*names[first:], *names[:first]]:
            given = ways[way]()
            if turn >= unkept:
                taken[way].append(given)
    return taken


def seconds(do: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def ratios(taken: Mapping[str, list[float]], way: str, to: str) -> Summary:
    """Of each round, one way to another: whatever else the machine did in that round meets both."""
    return summed_up(one / other for one, other in zip(taken[way], taken[to], strict=True))


def script_of(notebook: Path, parameters: Mapping[str, Any], target: Path) -> Path:
    """The lines of a notebook's code cells as a file, with its parameters; figures are made and shown to nobody."""
    lines = ["import os", 'os.environ["MPLBACKEND"] = "agg"']
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "code":
            lines.append(re.sub(r"^%.*$", "", cell.source, flags=re.MULTILINE))
        if "parameters" in cell.metadata.get("tags", []):
            lines.extend(f"{name} = {value!r}" for name, value in parameters.items())
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("\n".join(lines) + "\n")
    return target


def keep(script: str, results: Any, table: str, mark: str | None = None) -> None:
    """Write the results beside the script, and print the table and put it between the page's marks of that name."""
    print(f"{table}\n\n{Path(script).stem}: {time.monotonic() - STARTED:.0f} s so far\n", flush=True)  # noqa: T201
    path = Path(script)
    path.with_suffix(".json").write_text(json.dumps(results, indent=2, sort_keys=True) + "\n")
    marks = re.compile(rf"(<!-- {mark or path.stem} -->\n).*?(\n<!-- end -->)", re.DOTALL)
    PAGE.write_text(marks.sub(lambda match: f"{match[1]}\n{table}\n{match[2]}", PAGE.read_text()))


def table(head: list[str], rows: Iterable[Iterable[str]]) -> str:
    """Markdown of a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
