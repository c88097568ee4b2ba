"""Puts an earlier model back into production: trigger it with a version (blank: the previous champion) and a reason.

**Steps.** `rollback` moves the registry's champion to a version that was approved before, checks that it loads and
scores, and records who asked, when and why.

**If it fails.** Production is what it was: nothing moves unless all of it worked. The report says what is missing.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from galley.airflow import DEFAULT_ARGS, DS, NotebookOperator

with DAG(
    dag_id="rollback_model",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args=DEFAULT_ARGS,
    params={
        "version": Param(
            "", type="string", description="the model version to go back to; blank: the previous champion"
        ),
        "reason": Param("", type="string", minLength=1, description="why; it is kept with the model"),
    },
    tags=["galley"],
):
    NotebookOperator(
        task_id="rollback",
        input_nb="rollback_model/01_rollback.ipynb",
        parameters={
            "ds": DS,
            "version": "{{ params.version }}",
            "reason": "{{ params.reason }}",
            "requested_by": "{{ dag_run.triggering_user_name or 'unknown' }}",
            "dag_run": "{{ run_id }}",
        },
    )
