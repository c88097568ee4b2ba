"""A whole training every hour: data, report, review and decision of each hour are its own.

**Look at** `DS`: where a schedule has several runs a day, it has the time too, as in 2026-11-23T0600.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG

from galley.airflow import DEFAULT_ARGS, DS, NotebookOperator, ReviewOperator

with DAG(
    dag_id="hourly",
    doc_md=__doc__,
    schedule="@hourly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args=DEFAULT_ARGS,
    tags=["galley"],
):
    train = NotebookOperator(task_id="train", input_nb="hourly/01_train.ipynb", parameters={"ds": DS})
    review = NotebookOperator(task_id="review", input_nb="hourly/02_review.ipynb", parameters={"ds": DS})
    approval = ReviewOperator(task_id="approval", subject="Put the model of " + DS + " into production?")
    record = NotebookOperator(task_id="record", input_nb="hourly/03_record.ipynb", parameters={"ds": DS})
    promote = NotebookOperator(
        task_id="promote",
        input_nb="hourly/04_promote.ipynb",
        run_if="{{ ti.xcom_pull('record')['decision'] == 'Approve' }}",
        parameters={"ds": DS},
    )

    train >> review >> approval >> record >> promote
