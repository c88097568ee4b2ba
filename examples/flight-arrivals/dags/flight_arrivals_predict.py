"""Predicts the day's rows with the model in production: `data/predictions/<ds>/predictions.csv`.

**If it fails.** There are no predictions for the day until it is fixed. Read the report linked from the task, then
clear it. A day before the first champion can be predicted with `model_as_of` = `now`.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from galley.airflow import DEFAULT_ARGS, DS, FilesSensor, NotebookOperator

with DAG(
    dag_id="flight_arrivals_predict",
    doc_md=__doc__,
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args=DEFAULT_ARGS,
    params={"model_as_of": Param("day", enum=["day", "now"], description="the champion of the end of the day, or now")},
    tags=["galley"],
):
    wait_for_data = FilesSensor(
        task_id="wait_for_data", paths=[f"raw/{DS}/data.csv"], poke_interval=60, timeout=24 * 60 * 60
    )
    predict = NotebookOperator(
        task_id="predict",
        input_nb="flight_arrivals_predict/01_predict.ipynb",
        parameters={"ds": DS, "model_as_of": "{{ params.model_as_of }}"},
    )

    wait_for_data >> predict
