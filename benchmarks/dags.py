"""DAG files: what reading one costs beyond Airflow itself, and what reading Airflow costs.

Usage: .venvs/airflow/bin/python benchmarks/dags.py [ROUNDS]; milliseconds of a processor, each in a new process.
"""

import os
import subprocess
import sys
import tempfile

from measuring import HOME, in_turns, keep, shown, summed_up, table

DAGS = ("generate_data", "train_weekly", "predict_daily", "rollback_model")
CODE = """
import runpy, time
import airflow.models.dagbag, airflow.sdk
began = time.process_time()
runpy.run_path({path!r})
print(1000 * (time.process_time() - began))
"""


def milliseconds(path: str) -> float:
    """What a file costs, run after Airflow was imported."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "AIRFLOW_HOME": home, "GALLEY_HOME": str(HOME)}
        command = [sys.executable, "-c", CODE.format(path=path)]
        told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    return float(told.split()[-1])


def main() -> None:
    """Measure, and keep the table in docs/benchmarks.md and the figures beside this file."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    paths = {dag: str(HOME / "dags" / f"{dag}.py") for dag in DAGS}
    taken = in_turns({dag: lambda path=path: milliseconds(path) for dag, path in paths.items()}, rounds)
    told = table(["DAG file", "ms of a processor"], [[dag, shown(summed_up(taken[dag]), 0)] for dag in DAGS])
    print(told)  # noqa: T201
    keep(__file__, taken, told)


if __name__ == "__main__":
    main()
