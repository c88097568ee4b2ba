"""Peers: one stage's notebook as others run it, each by its own command, in a process of its own.

Usage: .venvs/bench/bin/python benchmarks/peers.py [ROUNDS [STAGE]]; the peers are in .venvs/bench.

All run the same cells on the same day, and leave an executed notebook; galley also checks the parameters, keeps every
attempt and renders a page. Its kernel is forked; those of papermill and nbclient are started, and ploomber-engine runs
the cells in its own process. Nothing is undone between two runs: each writes the same files again.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from measuring import HOME, in_turns, keep, ratios, rounds_of, script_of, seconds, shown, summed_up, table

from galley.days import Day
from galley.run.execute import Execution, StageRun
from galley.settings import Settings

DS = "2026-11-23"
STAGE = "train_weekly/02_split"
PYTHON = HOME / ".venvs" / "workbench" / "bin" / "python"
GALLEY = HOME / ".venvs" / "airflow" / "bin" / "galley"
PEERS = HOME / ".venvs" / "bench" / "bin"


def execute(stage: str) -> None:
    """A stage by galley, in this process, whose imports are done."""
    path = HOME / "notebooks" / f"{stage}.ipynb"
    Execution(StageRun(path, {"ds": DS}, Day.of(DS).reports(path.parent.name), path.stem, path.stem)).run()


def with_parameters(notebook: Path, target: Path) -> Path:
    """A copy that has its parameters in it: nbclient gives none."""
    node = nbformat.read(notebook, as_version=4)
    for cell in node.cells:
        if "parameters" in cell.metadata.get("tags", []):
            cell.source += f"\nds = {DS!r}"
    nbformat.write(node, target)
    return target


def commands(notebook: Path, folder: Path) -> dict[str, list[Path | str]]:
    """What one types, by way."""
    copy = with_parameters(notebook, folder / "copy.ipynb")
    return {
        "script": [PYTHON, script_of(notebook, {"ds": DS}, folder / "script.py")],
        "galley execute": [GALLEY, "execute", notebook, "--ds", DS],
        "papermill": [PEERS / "papermill", notebook, folder / "papermill.ipynb", "-p", "ds", DS],
        "jupyter execute (nbclient)": [PEERS / "jupyter-execute", copy, f"--output={folder / 'nbclient.ipynb'}"],
        "ploomber-engine": [PEERS / "ploomber-engine", notebook, folder / "ploomber.ipynb", "-p", "ds", DS],
    }


def by(command: list[Path | str]) -> None:
    """Run a command; only galley's own has forked kernels."""
    warm = "on" if command[0] == GALLEY else "off"
    # Otherwise ploomber-engine would tell its makers of each run, over the network.
    environment = {**os.environ, "GALLEY_WARM_KERNELS": warm, "PLOOMBER_STATS_ENABLED": "false"}
    subprocess.run(command, env=environment, capture_output=True, check=True)


def measure(rounds: int, stage: str) -> dict[str, list[float]]:
    """Seconds of each way."""
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as scratch:
        folder = Path(scratch).resolve()
        os.environ.update(GALLEY_HOME=str(HOME), GALLEY_DATA=f"{folder}/data", GALLEY_OUTPUTS=f"{folder}/outputs")
        os.environ.setdefault("JUPYTER_PATH", str(HOME / ".venvs" / "jupyter"))
        Settings.from_environment()
        for before in ("generate_data/01_generate", "train_weekly/01_prepare", "train_weekly/02_split"):
            execute(before)
        given = commands(HOME / "notebooks" / f"{stage}.ipynb", folder)
        ways = {way: lambda command=command: seconds(lambda: by(command)) for way, command in given.items()}
        return in_turns({**ways, "galley, in a task": lambda: seconds(lambda: execute(stage))}, rounds, unkept=0)


def main() -> None:
    """Measure, and keep the table in docs/benchmarks.md and the seconds beside this file."""
    stage = sys.argv[2] if len(sys.argv) > 2 else STAGE
    taken = measure(rounds_of(sys.argv[1:]), stage)
    rows = [[way, shown(summed_up(taken[way])), shown(ratios(taken, way, "script"))] for way in taken]
    told = table([stage, "seconds", "this : script"], rows)
    keep(__file__, {"stage": stage, "seconds": taken}, told)


if __name__ == "__main__":
    main()
