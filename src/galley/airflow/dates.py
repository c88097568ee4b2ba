"""DS: the one expression for the day that a DAG run works on."""

from typing import Any

DS = "{{ macros.galley.ds(dag, dag_run) }}"
"""The run's date stamp: YYYY-MM-DD, and where the DAG runs several times a day, its time too, as in 2026-11-23T0600.

Unlike `ds` it is there too when a run was triggered without a logical date.
"""


def ds(dag: Any, dag_run: Any) -> str:
    """What DS says: a macro of the plugin, which every task process imports."""
    from galley.airflow.compat import runs_several_times_a_day
    from galley.days import date_stamp

    return date_stamp(dag_run.logical_date or dag_run.run_after, runs_several_times_a_day(dag.timetable))
