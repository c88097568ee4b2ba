"""The commands `galley run`, `galley up` and `galley lab`: an Airflow of a project's own on this machine."""

import argparse
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from galley.errors import SettingsError


def add_commands(commands: Any) -> None:
    """Add them to those of `galley`."""
    run = commands.add_parser(
        "run",
        help="the whole job once, on an embedded Airflow: data, training, review, predictions",
        epilog="galley run --ds 2026-11-23 --days 6",
    )
    run.add_argument("--ds", help="the last day, YYYY-MM-DD; today if left out")
    run.add_argument("--days", type=int, default=28, help="how many days of data, ending at that day; %(default)s")
    run.set_defaults(command=_run)
    up = commands.add_parser(
        "up",
        help="Airflow and MLflow with their user interfaces, until Ctrl-C",
        epilog="GALLEY_AIRFLOW_PORT=8081 galley up",
    )
    up.set_defaults(command=_up)
    lab = commands.add_parser(
        "lab",
        help="JupyterLab on the notebooks, where nothing of the schedule's is overwritten",
        epilog="GALLEY_LAB_PORT=8889 galley lab",
    )
    lab.set_defaults(command=_lab)


def _run(asked: argparse.Namespace) -> int:
    from galley.local import demo

    return _stoppable(lambda: demo.run(asked.ds, asked.days))


def _up(_: argparse.Namespace) -> int:
    from galley.local import up

    return _stoppable(up.up)


def _lab(_: argparse.Namespace) -> int:
    from galley.local import workbench

    return _stoppable(workbench.lab)


def _stoppable(verb: Callable[[], int]) -> int:
    """Do it until somebody stops it. Raises SettingsError where there is no Airflow to embed."""
    from galley.local.services import Stopped

    if find_spec("airflow") is None:
        raise SettingsError(
            f"There is no Airflow in the environment of {sys.executable}. Run the command of the environment that has "
            "it, or install it there: pip install 'airflow-galley[local]'"
        )
    try:
        return verb()
    except (Stopped, KeyboardInterrupt) as stopped:
        print("\nStopped.", file=sys.stderr)
        return stopped.exit_code if isinstance(stopped, Stopped) else 130
