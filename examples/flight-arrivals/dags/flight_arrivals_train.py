"""Trains a challenger each Monday, asks a person, and puts it into production only if the answer is Approve.

**Steps.** `wait_for_data` → `prepare` → `train` → `validate` (registers the challenger) → `review` (the evidence on one
page) → `approval` (a person; silence is a Reject; the answer is signed) → `record` → `promote` (after an Approve only).

**If it fails.** Production goes on with the champion it has. Read the report linked from the failed task: it names what
is wrong and what to do. Clear that task to go on from there.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG

from galley.airflow import DEFAULT_ARGS, DS, FilesSensor, NotebookOperator, ReviewOperator

with DAG(
    dag_id="flight_arrivals_train",
    doc_md=__doc__,
    schedule="0 0 * * MON",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args=DEFAULT_ARGS,
    tags=["galley"],
):
    wait_for_data = FilesSensor(
        task_id="wait_for_data",
        paths=[f"raw/{DS}/data.csv", f"raw/{DS}/target.csv"],
        poke_interval=60,
        timeout=24 * 60 * 60,
    )
    prepare = NotebookOperator(
        task_id="prepare",
        input_nb="flight_arrivals_train/01_prepare.ipynb",
        parameters={"ds": DS},
    )
    train = NotebookOperator(
        task_id="train",
        input_nb="flight_arrivals_train/02_train.ipynb",
        parameters={"ds": DS},
    )
    validate = NotebookOperator(
        task_id="validate",
        input_nb="flight_arrivals_train/03_validate.ipynb",
        parameters={"ds": DS},
    )
    review = NotebookOperator(
        task_id="review",
        input_nb="flight_arrivals_train/04_review.ipynb",
        parameters={"ds": DS},
    )
    approval = ReviewOperator(task_id="approval", subject="Put flight-arrivals of " + DS + " into production?")
    record = NotebookOperator(
        task_id="record",
        input_nb="flight_arrivals_train/05_record.ipynb",
        mlflow_conn_id="galley_promotion",
        parameters={"ds": DS},
    )
    promote = NotebookOperator(
        task_id="promote",
        input_nb="flight_arrivals_train/06_promote.ipynb",
        mlflow_conn_id="galley_promotion",
        run_if="{{ ti.xcom_pull('record')['decision'] == 'Approve' }}",
        parameters={"ds": DS},
    )

    wait_for_data >> prepare >> train >> validate >> review >> approval >> record >> promote
