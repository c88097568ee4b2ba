"""DS: the one expression for the day that a DAG run works on."""

DS = "{{ (dag_run.logical_date or dag_run.run_after) | ds }}"
"""The run's date stamp, YYYY-MM-DD. Unlike `ds` it is there too when a run was triggered without a logical date."""
