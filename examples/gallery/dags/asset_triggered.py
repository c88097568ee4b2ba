"""A notebook that runs when something else says that its data is there, and not at a time.

**Look at** the day: a run that an asset triggered has no logical date, and `DS` is the day on which it was triggered.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, Asset

from galley.airflow import DEFAULT_ARGS, DS, NotebookOperator

with DAG(
    dag_id="asset_triggered",
    doc_md=__doc__,
    schedule=[Asset("letters")],
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args=DEFAULT_ARGS | {"model": "letters"},
    tags=["galley"],
):
    NotebookOperator(task_id="report", input_nb="one_notebook/01_report.ipynb", parameters={"ds": DS})
