"""Asks a person only where the review does not speak against the model: what it concluded decides which way to go.

**Look at** `verdict` in the report of `review`: it is the review's own conclusion, `approve`, `neutral` or `against`.
"""

from datetime import UTC, datetime

from airflow.sdk import DAG, Param, task

from galley.airflow import DEFAULT_ARGS, DS, NotebookOperator, ReviewOperator

with DAG(
    dag_id="branch_on_verdict",
    doc_md=__doc__,
    schedule="@weekly",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args=DEFAULT_ARGS,
    params={"least": Param(0.8, type="number", minimum=0, maximum=1, description="the accuracy that is asked for")},
    tags=["galley"],
):
    review = NotebookOperator(
        task_id="review",
        input_nb="branch_on_verdict/01_review.ipynb",
        parameters={"ds": DS, "least": "{{ params.least }}"},
    )

    @task.branch
    def is_worth_asking(concluded: dict[str, str]) -> str:
        """The task to go on with."""
        return "leave_it" if concluded["verdict"] == "against" else "approval"

    @task
    def leave_it() -> None:
        """What is done about a model that nobody is asked about."""

    approval = ReviewOperator(task_id="approval", subject="Put the model of " + DS + " into production?")
    is_worth_asking(review.output) >> [approval, leave_it()]
