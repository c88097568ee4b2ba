"""One DAG about two models: `model` says for each task which one of galley.toml is meant.

**Look at** `stage.settings.model` in the notebook: one notebook, which knows the model of the task that runs it.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG

from galley.airflow import DEFAULT_ARGS, DS, NotebookOperator

with DAG(
    dag_id="two_models",
    doc_md=__doc__,
    schedule="@monthly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args=DEFAULT_ARGS,
    tags=["galley"],
):
    NotebookOperator.partial(task_id="versions", input_nb="two_models/01_versions.ipynb", parameters={"ds": DS}).expand(
        model=["hourly", "parcels"]
    )
