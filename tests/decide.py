"""Answers to reviews, signed as the task that asks signs them, where there is no Airflow to ask."""

from datetime import UTC, datetime

from galley.days import Day
from galley.proof.chain import Signed
from galley.proof.decision import stamp
from galley.proof.keys import SigningKey, trust
from galley.proof.statements import Task
from galley.registry.question import Answer, Question

KEY = SigningKey.generate()
FORM = "Put it into production?"


def answer(
    day: Day,
    option: str = "Approve",
    person: str = "ada",
    reason: str = "it is better",
    dag_id: str = "",
    run: str = "manual__1",
) -> Signed:
    """Answer the review of a day, in the DAG that trains the model unless another is named."""
    dag_id = dag_id or day.settings.model.train
    trust(KEY, day.settings.keys, "tests")
    now, task = stamp(datetime.now(UTC)), Task(dag=dag_id, run=run, task="approval", number=1)
    return Question.of(day, dag_id).state(Answer(option, person, reason, now, now, task), FORM, KEY)
