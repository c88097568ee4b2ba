"""Asks a person who has less than a minute: a reminder half-way, and silence is a Reject."""

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from galley.airflow import DS, NotebookOperator, ReviewOperator

with DAG(dag_id="ask_briefly", schedule=None, start_date=datetime(2013, 1, 1, tzinfo=UTC)):
    review = NotebookOperator(task_id="review", input_nb="ask_briefly/01_review.ipynb", parameters={"ds": DS})
    approval = ReviewOperator(
        task_id="approval",
        subject="Is anybody there?",
        # Long enough for the scheduler to see each asking process end.
        response_timeout=timedelta(seconds=60),
        reminder=timedelta(seconds=30),
    )
    review >> approval
