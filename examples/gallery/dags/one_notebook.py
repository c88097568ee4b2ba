"""One notebook on a schedule, without a model: the executed notebook is the day's report.

**Look at** the tab *Reports*: each day has the notebook as it ran, with what it read, wrote and concluded.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG

from galley.airflow import DEFAULT_ARGS, DS, NotebookOperator

with DAG(
    dag_id="one_notebook",
    doc_md=__doc__,
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args=DEFAULT_ARGS | {"model": "letters"},
    tags=["galley"],
):
    NotebookOperator(task_id="report", input_nb="one_notebook/01_report.ipynb", parameters={"ds": DS})
