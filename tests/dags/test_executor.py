"""What a task of StageExecutor begins with: of a DAG of stages, a stage and its report, only Airflow's own is left."""

import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
CODE = """
import runpy, sys
from galley.airflow.executor import StageExecutor
executor = StageExecutor(parallelism=1)
executor.start()
try:
    there = set(sys.modules)
    runpy.run_path({dag!r})
    import galley.run.execute, galley.run.runner
    from galley.notebooks.render import prepare
    prepare()
    airflows = ("airflow", "cron_descriptor", "croniter", "natsort", "packaging")
    there |= {{name for name in sys.modules if name.partition(".")[0] in airflows}}
    print("left:", sorted(set(sys.modules) - there))
finally:
    executor.end()
"""


@pytest.mark.parametrize("dag", sorted(path.name for path in (HOME / "dags").glob("*.py")))
def test_nothing_is_left_to_import_for_a_task(dag, tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("GALLEY_WARM_KERNELS", "off")  # nobody is to run a stage
    code = CODE.format(dag=str(HOME / "dags" / dag))
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "left: []" in told.splitlines()


WAITING = """
import threading
from airflow.models.taskinstancekey import TaskInstanceKey
from galley.airflow.executor import StageExecutor
executor = StageExecutor(parallelism=1)
executor.start()
try:
    key = TaskInstanceKey("dag", "task", "run", 1, -1)
    executor.running.add(key)
    threading.Timer(0.2, executor.result_queue.put, [(key, "success", None)]).start()
    executor.sync()
    print("seen:", key in executor.event_buffer)
    executor.sync()
finally:
    executor.end()
"""


def test_the_scheduler_sees_a_task_end_while_it_waits(tmp_path, monkeypatch):
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    told = subprocess.run([sys.executable, "-c", WAITING], capture_output=True, text=True, check=True).stdout
    assert "seen: True" in told.splitlines()
