"""The runs of `airflow dags test` and the listener for runs in which nothing was done; tests/flow has the scheduler."""

from airflow.models.dagrun import DagRun
from airflow.utils.types import DagRunType
from sqlalchemy.orm import make_transient_to_detached

from galley.airflow.empty_runs import on_dag_run_success


def test_a_run_of_airflow_dags_test_that_ran_its_tasks_is_left_alone():
    run = DagRun(dag_id="dag", run_id="manual__1", run_type=DagRunType.MANUAL, state="success")
    run.id = 1
    make_transient_to_detached(run)
    on_dag_run_success(run)
    assert run.state == "success"
