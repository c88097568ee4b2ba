"""Airflow's DAG processor, whose process for each file finds done what DAGs of stages import.

Run as Airflow's own: python -m galley.airflow.dag_processor. Each file's imports would take a second, and
Airflow's default is to read each anew every half a minute.
"""

import importlib
import sys

from airflow.__main__ import main

from galley.airflow.executor import PRELOADED

if __name__ == "__main__":
    for name in PRELOADED:
        importlib.import_module(name)
    sys.argv = ["airflow", "dag-processor"]
    main()  # type: ignore[no-untyped-call]
