"""`python -m galley.local run|up|lab`: what the Makefile's verbs call."""

import argparse
import sys

from galley.errors import GalleyError
from galley.local import demo, up, workbench
from galley.local.services import Stopped
from galley.run.resources import of_disk


def main(arguments: list[str] | None = None) -> int:
    """Run one verb, and return the exit code of the process."""
    parser = argparse.ArgumentParser(prog="python -m galley.local", description="Galley on this machine.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="the whole job once, on an embedded Airflow")
    run.add_argument("--ds", help="the last day, YYYY-MM-DD; today if left out")
    run.add_argument("--days", type=int, default=28, help="how many days of data, ending at that day")
    verbs.add_parser("up", help="Airflow and MLflow with their user interfaces, until Ctrl-C")
    verbs.add_parser("lab", help="JupyterLab on the notebooks")
    given = parser.parse_args(arguments)
    try:
        match given.verb:
            case "run":
                return demo.run(given.ds, given.days)
            case "up":
                return up.up()
            case _:
                return workbench.lab()
    except (GalleyError, OSError) as error:
        said = of_disk(error) if isinstance(error, OSError) else error
        if said is None:
            raise
        print(f"\n{said}", file=sys.stderr)
        return 1
    except (Stopped, KeyboardInterrupt) as stopped:
        print("\nStopped.", file=sys.stderr)
        return stopped.exit_code if isinstance(stopped, Stopped) else 130


if __name__ == "__main__":
    sys.exit(main())
