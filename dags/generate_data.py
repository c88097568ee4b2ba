"""Brings the day's flights: `data/raw/<ds>/data.csv` and `target.csv`, together.

**Steps.** `generate` replays the day of 2013 with the same month and day from the flights out of New York, or makes
flights up (Param `source`). The notebook shows what came and how complete it is.

**If it fails.** `predict_daily` of that day waits, and gives up after a day; `train_weekly` does so on a Monday.
Read the report linked from the task. Clear the task once the cause is fixed: the same day gives the same bytes.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from galley.airflow import DEFAULT_ARGS, DS, NotebookOperator

with DAG(
    dag_id="generate_data",
    doc_md=__doc__,
    schedule="@daily",
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args=DEFAULT_ARGS,
    params={
        "source": Param("flights", enum=["flights", "synthetic"], description="replayed flights, or made-up ones"),
        "rows": Param(900, type="integer", minimum=1, description="synthetic: flights a day"),
        "late_share": Param(0.25, type="number", minimum=0, maximum=1, description="synthetic: share that is late"),
        "drift": Param(0.0, type="number", minimum=0, description="synthetic: how far features move a day"),
    },
    tags=["galley"],
):
    NotebookOperator(
        task_id="generate",
        input_nb="generate_data/01_generate.ipynb",
        kernel_name="data",
        parameters={
            "ds": DS,
            "source": "{{ params.source }}",
            "rows": "{{ params.rows }}",
            "late_share": "{{ params.late_share }}",
            "drift": "{{ params.drift }}",
        },
    )
