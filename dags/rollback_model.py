"""Puts an earlier model back into production: trigger it with a version (blank: the previous champion) and a reason.

**Steps.** `review` (which version, who approved it, what production is) → `approval` (a person, as for a new model; the
answer is signed) → `rollback` (after an Approve only: moves the registry's champion, and checks that it loads).

**If it fails.** Production is what it was: nothing moves unless all of it worked. The report says what is missing.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from galley.airflow import DEFAULT_ARGS, DS, NotebookOperator, ReviewOperator, approved_versions

with DAG(
    dag_id="rollback_model",
    doc_md=__doc__,
    schedule=None,
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args=DEFAULT_ARGS,
    params={
        "version": Param(
            None,
            type=["string", "null"],  # so that Airflow's form lets it be blank
            examples=approved_versions("rollback_model"),
            description="the model version to go back to; blank: the previous champion",
        ),
        "reason": Param("", type="string", minLength=1, description="why; whoever approves it reads this"),
    },
    tags=["galley"],
):
    review = NotebookOperator(
        task_id="review",
        input_nb="rollback_model/01_review.ipynb",
        parameters={
            "ds": DS,
            "version": "{{ params.version or '' }}",
            "reason": "{{ params.reason }}",
            "requested_by": "{{ dag_run.triggering_user_name or 'unknown' }}",
        },
    )
    approval = ReviewOperator(
        task_id="approval",
        subject="Put version {{ ti.xcom_pull('review')['version'] }} back into production?",
    )
    rollback = NotebookOperator(
        task_id="rollback",
        input_nb="rollback_model/02_rollback.ipynb",
        mlflow_conn_id="galley_promotion",
        run_if="{{ ti.xcom_pull('approval')['decision'] == 'Approve' }}",
        parameters={"ds": DS, "dag_run": "{{ run_id }}"},
    )

    review >> approval >> rollback
