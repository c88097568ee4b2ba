"""Runs: what Airflow's own database knows and no folder says. The day of a run, a task's kind, reviews that wait."""

from collections.abc import Callable
from dataclasses import dataclass

from airflow.models.dagrun import DagRun
from airflow.models.hitl import HITLDetail
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session
from airflow.utils.state import State
from sqlalchemy import select

from galley.airflow.compat import WAITING_STATES
from galley.proof.decision import deadline_of
from galley.proof.statements import Digest
from galley.reports.index import Index

NOTEBOOK_OPERATOR = "NotebookOperator"
REVIEW_OPERATOR = "ReviewOperator"


@dataclass(frozen=True)
class Task:
    """A task of a run: what kind it is, and how it stands."""

    operator: str
    state: str

    @property
    def is_notebook(self) -> bool:
        """Whether it runs a notebook."""
        return self.operator == NOTEBOOK_OPERATOR

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it by itself."""
        return self.state in {state.value for state in State.finished}

    @property
    def is_review(self) -> bool:
        """Whether it asks a person."""
        return self.operator == REVIEW_OPERATOR


@dataclass(frozen=True)
class Review:
    """A review that waits for an answer. `form` is the digest of the text that it shows, as an answer states it.

    `people` may answer, or if there are none anyone whom Airflow lets; `deadline` is in words, blank if none is known.
    """

    ds: str
    dag_id: str
    run_id: str
    task_id: str
    form: str
    people: tuple[str, ...]
    deadline: str


def day_of(index: Index, dag_id: str, run_id: str) -> str | None:
    """The day that a run works on, as its tasks see it; None if there is no such run."""
    query = select(DagRun.logical_date, DagRun.run_after).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id)
    with create_session() as session:
        found = session.execute(query).first()
    return index.day_of(dag_id, found[0] or found[1]) if found else None


def has_notebooks(dag_id: str, run_id: str) -> bool:
    """Whether any task of a run runs a notebook."""
    query = select(TaskInstance.operator, TaskInstance.custom_operator_name).where(
        TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id
    )
    with create_session() as session:
        return any(NOTEBOOK_OPERATOR in found for found in session.execute(query))


def task(dag_id: str, run_id: str, task_id: str, map_index: int) -> Task | None:
    """A task of a run; None if there is no such task."""
    query = select(TaskInstance.operator, TaskInstance.custom_operator_name, TaskInstance.state).where(
        TaskInstance.dag_id == dag_id,
        TaskInstance.run_id == run_id,
        TaskInstance.task_id == task_id,
        TaskInstance.map_index == map_index,
    )
    with create_session() as session:
        found = session.execute(query).first()
    return Task(found[1] or found[0] or "", str(found[2] or "")) if found else None


def waiting_reviews(index: Index, may_read: Callable[[str], bool]) -> list[Review]:
    """The reviews that wait for an answer, of the DAGs that the user may read."""
    query = (
        select(TaskInstance.dag_id, TaskInstance.run_id, TaskInstance.task_id, HITLDetail.subject, HITLDetail.body)
        .add_columns(HITLDetail.assignees, DagRun.logical_date, DagRun.run_after)
        .join(HITLDetail, HITLDetail.ti_id == TaskInstance.id)
        .join(DagRun, (DagRun.dag_id == TaskInstance.dag_id) & (DagRun.run_id == TaskInstance.run_id))
        .where(HITLDetail.responded_at.is_(None), TaskInstance.state.in_(WAITING_STATES))
    )
    with create_session() as session:
        rows = session.execute(query).all()
    return [
        Review(
            index.day_of(dag_id, logical or after),
            dag_id,
            run_id,
            task_id,
            form=Digest.of(f"{subject}\n\n{body or ''}".encode()).sha256,
            people=tuple(user["name"] for user in assignees or ()),
            deadline=deadline_of(body or ""),
        )
        for dag_id, run_id, task_id, subject, body, assignees, logical, after in rows
        if may_read(dag_id)
    ]
