"""What a task of StageExecutor begins with: of a DAG of stages, a stage and its report, only Airflow's own is left."""

import subprocess
import sys
from pathlib import Path

import pytest

DAGS = sorted((Path(__file__).parents[2] / "dags").glob("*.py"))
CODE = """
import os, runpy, sys, threading
from airflow.models.taskinstancekey import TaskInstanceKey
from galley.airflow.executor import StageExecutor

def left(dag):
    there = set(sys.modules)
    runpy.run_path(dag)
    import galley.run.execute, galley.run.runner
    from galley.notebooks.render import prepare
    prepare()
    airflows = ("airflow", "cron_descriptor", "croniter", "natsort", "packaging")
    there |= {name for name in sys.modules if name.partition(".")[0] in airflows}
    return sorted(set(sys.modules) - there)

executor = StageExecutor(parallelism=1)
executor.start()
try:
    for dag in sys.argv[1:]:
        task = os.fork()  # as each begins
        if task == 0:
            try:
                print(dag, left(dag), flush=True)
            finally:
                os._exit(0)
        os.waitpid(task, 0)
    key = TaskInstanceKey("dag", "task", "run", 1, -1)
    executor.running.add(key)
    threading.Timer(0.2, executor.result_queue.put, [(key, "success", None)]).start()
    executor.sync()
    print("seen:", key in executor.event_buffer)
    executor.sync()
finally:
    executor.end()
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What a process with an executor says, line by line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("airflow")))
        patch.setenv("GALLEY_WARM_KERNELS", "off")  # nobody is to run a stage
        command = [sys.executable, "-c", CODE, *map(str, DAGS)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.mark.parametrize("dag", DAGS, ids=lambda dag: dag.name)
def test_nothing_is_left_to_import_for_a_task(told, dag):
    assert f"{dag} []" in told


def test_the_scheduler_sees_a_task_end_while_it_waits(told):
    assert "seen: True" in told
