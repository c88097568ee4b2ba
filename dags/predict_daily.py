"""Scores the day's flights with the model in production: `data/predictions/<ds>/predictions.csv`.

**Steps.** `wait_for_data` → `predict`. The model is what the Airflow Variable `model_uri` names: `champion` (the
default: the registry's champion, by a recorded decision), any MLflow URI, or a path such as `models/2026-11-23`.
A past day gets the champion that it had when it ended (UTC); with the Param `model_as_of` = `now`, the current one.

**If it is late.** When there are no predictions of the day by 06:00 UTC, people are notified.

**If it fails.** There are no predictions for the day until it is fixed, and people use them: see to it now. Read the
report linked from the task, then clear it. The usual causes are data that breaks the contract and a registry without
a champion; both say what to do. A day before the first champion can be predicted with `model_as_of` = `now`.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from galley.airflow import DEFAULT_ARGS, DS, FilesSensor, NotebookOperator, file_deadline

with DAG(
    dag_id="predict_daily",
    doc_md=__doc__,
    schedule="@daily",
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args=DEFAULT_ARGS,
    deadline=file_deadline(6, "predictions/{ds}/predictions.csv"),
    params={
        "model_as_of": Param(
            "day", enum=["day", "now"], description="the champion of the end of the day, or the current one"
        ),
    },
    tags=["galley"],
):
    wait_for_data = FilesSensor(
        task_id="wait_for_data",
        paths=[f"raw/{DS}/data.csv"],
        poke_interval=60,
        timeout=24 * 60 * 60,
    )
    predict = NotebookOperator(
        task_id="predict",
        input_nb="predict_daily/01_predict.ipynb",
        parameters={
            "ds": DS,
            "model_uri": "{{ var.value.get('model_uri', 'champion') }}",
            "model_as_of": "{{ params.model_as_of }}",
        },
    )

    wait_for_data >> predict
