"""DS: the one expression for the day that a DAG run works on."""

from typing import Any

DS = "{{ macros.galley.ds(dag, dag_run) }}"
"""The run's date stamp: YYYY-MM-DD, and where there may be several runs a day, its time too, as in 2026-11-23T0600.

Unlike `ds` it is there too when a run was triggered without a logical date.
"""


def ds(dag: Any, dag_run: Any) -> str:
    """What DS says: a macro of the plugin, which every task process imports."""
    from galley.airflow.compat import is_scheduled, runs_several_times_a_day
    from galley.days import date_stamp

    at = dag_run.logical_date or dag_run.run_after
    is_one_of_several = runs_several_times_a_day(dag.timetable) if is_scheduled(dag.timetable) else _makes_no_day(dag)
    return date_stamp(at, is_one_of_several)


def _makes_no_day(dag: Any) -> bool:
    """Whether each run stands for itself, as the DAG is a model's `rollback` or one of its other `dags`."""
    from galley.airflow import configuration

    model = configuration.settings().project.model_of_dag(dag.dag_id)
    return model is not None and dag.dag_id in model.other_dags
