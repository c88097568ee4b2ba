"""DAG files: what reading one costs beyond Airflow itself.

Usage: .venvs/airflow/bin/python benchmarks/dags.py [ROUNDS]; milliseconds of a processor, each in a process of its own,
forked from one that has imported Airflow, as the DAG processor forks them.
"""

import os
import runpy
import sys
import time
from multiprocessing import get_context
from tempfile import TemporaryDirectory

from measuring import HOME, in_turns, keep, rounds_of, shown, summed_up, table

DAGS = ("generate_data", "train_weekly", "predict_daily", "rollback_model")


def read(dag: str) -> float:
    """Read a DAG file, and say how long that took."""
    began = time.process_time()
    runpy.run_path(str(HOME / "dags" / f"{dag}.py"))
    return 1000 * (time.process_time() - began)


def milliseconds(dag: str) -> float:
    """What a file costs in a new process."""
    with get_context("fork").Pool(1) as process:
        return process.apply(read, [dag])


def main() -> None:
    """Measure, and keep the table in docs/benchmarks.md and the figures beside this file."""
    with TemporaryDirectory() as home:
        os.environ.update(AIRFLOW_HOME=home, GALLEY_HOME=str(HOME))
        import airflow.models.dagbag
        import airflow.sdk  # noqa: F401 # what is read is what it costs beyond these

        taken = in_turns({dag: lambda dag=dag: milliseconds(dag) for dag in DAGS}, rounds_of(sys.argv[1:]))
    rows = [[dag, shown(summed_up(taken[dag]), 0)] for dag in DAGS]
    keep(__file__, taken, table(["DAG file", "ms of a processor"], rows))


if __name__ == "__main__":
    main()
