"""Trains a challenger each Monday, asks a person, and puts it into production only if the answer is Approve.

**Steps.** `wait_for_data` → `prepare` → `split` → `train` → `validate` (registers the challenger) → `review` (the
evidence on one page) → `approval` (a person, by the link in the alert or the tab *Required Actions*; six days, with a
reminder after five; silence is a Reject; the answer is signed) → `record` (the answer, with the model for good) →
`promote` (after an Approve only, whose signature and evidence are checked). A backfilled week is trained and reviewed,
but nobody is asked: what follows `review` is skipped.

**If it fails.** Production goes on with the champion it has, so this can wait for the morning. Read the report linked
from the failed task: it names what is wrong and what to do. Clear that task to go on from there.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from galley.airflow import DEFAULT_ARGS, DS, FilesSensor, NotebookOperator, ReviewOperator

with DAG(
    dag_id="train_weekly",
    doc_md=__doc__,
    schedule="0 0 * * MON",
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args=DEFAULT_ARGS,
    params={
        "train_days": Param(28, type="integer", minimum=1, maximum=366, description="days to train on, reaching back"),
        "split_method": Param("time", enum=["time", "random"], description="how validation rows are chosen"),
        "estimator": Param(
            "logistic_regression",
            enum=["logistic_regression", "hist_gradient_boosting", "random_forest"],
            description="the model that is trained",
        ),
        "settings": Param({}, type="object", description="the estimator's own settings, by scikit-learn's names"),
    },
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
        input_nb="train_weekly/01_prepare.ipynb",
        parameters={"ds": DS, "train_days": "{{ params.train_days }}"},
    )
    split = NotebookOperator(
        task_id="split",
        input_nb="train_weekly/02_split.ipynb",
        parameters={"ds": DS, "method": "{{ params.split_method }}"},
    )
    train = NotebookOperator(
        task_id="train",
        input_nb="train_weekly/03_train.ipynb",
        parameters={"ds": DS, "estimator": "{{ params.estimator }}", "settings": "{{ params.settings | tojson }}"},
    )
    validate = NotebookOperator(
        task_id="validate",
        input_nb="train_weekly/04_validate.ipynb",
        parameters={"ds": DS},
    )
    review = NotebookOperator(
        task_id="review",
        input_nb="train_weekly/05_review.ipynb",
        parameters={"ds": DS},
    )
    approval = ReviewOperator(
        task_id="approval",
        subject="Put the model of " + DS + " into production?",
    )
    record = NotebookOperator(
        task_id="record",
        input_nb="train_weekly/06_record.ipynb",
        mlflow_conn_id="galley_promotion",
        parameters={"ds": DS},
    )
    promote = NotebookOperator(
        task_id="promote",
        input_nb="train_weekly/07_promote.ipynb",
        mlflow_conn_id="galley_promotion",
        run_if="{{ ti.xcom_pull('record')['decision'] == 'Approve' }}",
        parameters={"ds": DS},
    )

    wait_for_data >> prepare >> split >> train >> validate >> review >> approval >> record >> promote
