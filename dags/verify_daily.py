"""Checks every day that what was decided still stands: reports, evidence, signatures, and the model in production.

**Steps.** `verify` compares the reports of the last seven days with their files, the signed statements with their
evidence, and the registry's champion with the newest decision. It changes nothing.

**If it fails.** Something changed what a decision rests on, or moved production: the alert has the findings, and
`docs/audit.md` what to do about each. Clear the task when that is done. Predictions go on where the champion still is
a version that was decided on; where it is not, `predict_daily` fails too.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG

from galley.airflow import DEFAULT_ARGS, DS, NotebookOperator

with DAG(
    dag_id="verify_daily",
    doc_md=__doc__,
    schedule="0 4 * * *",
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    tags=["galley"],
):
    NotebookOperator(task_id="verify", input_nb="verify_daily/01_verify.ipynb", parameters={"ds": DS})
