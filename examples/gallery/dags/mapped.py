"""The same notebook for each of several values: a report for each, and none waits for another.

**Look at** the names of the reports: `01_region.m0`, `01_region.m1`. One that fails is cleared by itself.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG

from galley.airflow import DEFAULT_ARGS, DS, NotebookOperator

with DAG(
    dag_id="mapped",
    doc_md=__doc__,
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args=DEFAULT_ARGS | {"model": "letters"},
    tags=["galley"],
):
    NotebookOperator.partial(task_id="region", input_nb="mapped/01_region.ipynb").expand(
        parameters=[{"ds": DS, "region": region} for region in ("north", "south")]
    )
