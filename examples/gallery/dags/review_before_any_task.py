"""A person reads a notebook and approves; then any task of Airflow's goes on. Here it is a function.

**Look at** what `deliver` relies on: the answer of `approval` is an XCom, which whoever may edit the DAG's runs can
change. A stage that calls `record` or `promote` checks the signature instead: see hourly.py.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, task

from galley.airflow import DEFAULT_ARGS, DS, NotebookOperator, ReviewOperator

with DAG(
    dag_id="review_before_any_task",
    doc_md=__doc__,
    schedule="@weekly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args=DEFAULT_ARGS,
    tags=["galley"],
):
    review = NotebookOperator(
        task_id="review", input_nb="review_before_any_task/01_review.ipynb", parameters={"ds": DS}
    )
    approval = ReviewOperator(task_id="approval", subject="Deliver the letters of " + DS + "?")

    @task.short_circuit
    def is_approved(answer: dict[str, str]) -> bool:
        """Whether to go on."""
        return answer["decision"] == "Approve"

    @task
    def deliver() -> None:
        """Whatever has to wait for a person."""

    review >> approval
    is_approved(approval.output) >> deliver()
