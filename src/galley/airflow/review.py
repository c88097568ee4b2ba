"""ReviewOperator: a person in Airflow's UI approves or rejects, with a reason; the answer becomes signed evidence."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseNotifier, Param
from airflow.sdk.definitions.param import ParamsDict
from airflow.sdk.execution_time.hitl import HITLUser
from airflow.sdk.timezone import utcnow

from galley.airflow import compat, configuration
from galley.airflow.alerts import ReviewAlert
from galley.airflow.compat import AirflowSkipException
from galley.airflow.dates import ds
from galley.airflow.links import below_airflow, review_url
from galley.airflow.notebook import CONCLUSION, REPORT, StageRetryPolicy, conclusion_digest
from galley.airflow.signing import signing_key
from galley.days import Day
from galley.errors import DecisionError, QuestionChanged, SettingsError
from galley.proof.decision import APPROVE, NOBODY, REJECT, stamp
from galley.proof.statements import Override, Task
from galley.registry.question import Answer, Question
from galley.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

_REASON = Param("", type="string", format="multiline", title="Reason", description="Why; it is kept with the model.")
_BACKFILL = "backfill"
_NOBODY_IS_ASKED = (
    "Nobody is asked in a backfill, so nothing is recorded or promoted: the week is there to be compared. "
    "To have its model reviewed, delete this run and trigger the DAG for that day."
)
_OVERTAKEN = (
    "So nobody is asked, and nothing is recorded or promoted: the week is there to be compared. To replace what is in "
    "production, train on a newer day, or roll back to a version that was approved."
)


class ReviewOperator(HITLOperator):
    """Waits for a person's answer, without a slot; silence for `response_timeout` is a Reject with "no answer".

    The form shows `body`, if there is one, what the review of the day says in short, with the digest of its page, and
    until when it can be answered.
    In any DAG but the one that trains the model, the review asks to go back to an earlier version. The answer is signed
    as a statement about the files as they were when it was asked; where one of them is another by then, or the review,
    or who may answer, it does not count, and the next try asks anew.

    People are notified when it asks, and reminded when there is only `reminder` left to answer: by GALLEY_ALERT_URLS,
    and by `notifiers`, any of Airflow's. In a backfill it is skipped, and what follows with it: those weeks are there
    to be looked at. So it is where a newer day's model went into production before it asks, reminds or asks again.

    Who may answer, and what an approval needs, is what GALLEY_REVIEWERS and the model's policy say when it asks; anyone
    whom Airflow lets answer, if neither names people. `model` names the model of galley.toml; left blank, the one that
    the DAG belongs to. Returns a dict of texts: decision, reviewer, reason, answered_at (UTC) and statement.
    """

    # What Airflow keeps of a task's kind: by this, a subclass is known for what it is.
    custom_operator_name = "ReviewOperator"

    def __init__(
        self,
        *,
        subject: str,
        body: str = "",
        response_timeout: timedelta = timedelta(days=6),
        reminder: timedelta = timedelta(days=1),
        model: str = "",
        **kwargs: Any,
    ) -> None:
        if not timedelta() < reminder < response_timeout:
            raise SettingsError(
                f"{kwargs.get('task_id')}: a reminder {reminder} before the end of {response_timeout} makes no sense. "
                "Give a shorter time for it."
            )
        # The DAG's own params come in here too, and a person who answers has nothing to say to those.
        kwargs["params"] = {"reason": _REASON}
        policy = kwargs.pop("retry_policy", StageRetryPolicy())
        super().__init__(
            subject=subject,
            body=body,
            options=[APPROVE, REJECT],  # without a default, which Airflow would show as the answer to give
            **compat.retry_policy(policy),
            **kwargs,
        )
        self.retry_policy = policy
        self.answer_within = response_timeout
        self.model = model
        self.reminder = reminder
        self.named = self.notifiers
        self.form_url = ""

    def execute(self, context: "Context") -> None:
        """Ask, unless nobody is to be asked."""
        with compat.retries(self, context):
            if context["dag_run"].run_type == _BACKFILL:
                self._skip(_NOBODY_IS_ASKED)
            deadline = utcnow() + self.answer_within
            self._ask(context, self._question(context, stamp(deadline)), deadline)

    def execute_complete(
        self,
        context: "Context",
        event: dict[str, Any],
        is_reminded: bool = False,
        asked: dict[str, str] | None = None,
    ) -> dict[str, str]:
        """Sign the answer. Silence is an answer only after the reminder.

        Raises QuestionChanged for an answer to something else than what there is to decide now.
        """
        with compat.retries(self, context):
            return self._sign(context, event, is_reminded, asked or {})

    def _sign(
        self, context: "Context", event: dict[str, Any], is_reminded: bool, asked: dict[str, str]
    ) -> dict[str, str]:
        question = self._question(context, asked.get("until", ""))
        self._require_same(question, asked)
        deadline = datetime.fromisoformat(asked["until"]) if "until" in asked else utcnow() + self.answer_within
        is_silent = event.get("error_type") == "timeout"
        if is_silent and not is_reminded:
            self._ask(context, question, deadline, why="There is no answer yet.", is_reminder=True)
        # Not from an XCom, which can be edited: it is what Airflow's server resumed the task with.
        heard: dict[str, Any] = _silence() if is_silent else dict(super().execute_complete(context, event))
        user, option = heard["responded_by_user"], heard["chosen_options"][0]
        person = user["name"] if user else NOBODY
        said = {name: str(text).strip() for name, text in heard["params_input"].items()}
        refusal = self._refusal(context, question, person, option, said) if user else ""
        if refusal:
            self._ask(context, question, deadline, why=refusal)
        reason = said.get("reason", "") if user else "no answer"
        answer = Answer(
            option=option,
            person=person,
            reason=reason,
            asked_at=asked["at"],
            answered_at=stamp(heard["responded_at"]),
            task=_task(context),
            overrides=_overrides(question, said) if option == APPROVE else (),
        )
        signed = question.state(answer, self._form, signing_key(question.settings))
        self._require_enough(context, question, option, deadline)
        return {
            "decision": option,
            "reviewer": person,
            "reason": reason,
            "answered_at": answer.answered_at,
            "statement": str(signed.head),
        }

    def _skip(self, why: str) -> NoReturn:
        # Said here too: what a task is skipped with, Airflow folds away.
        self.log.warning(why)
        raise AirflowSkipException(why)

    @property
    def _form(self) -> str:
        return f"{self.subject}\n\n{self.body}"

    def _question(self, context: "Context", until: str = "") -> Question:
        """What is to be decided now; the form becomes one about that, and says until when, a stamp."""
        ti = context["ti"]
        settings = configuration.settings().for_model(self.model, ti.dag_id)
        question = Question.of(Day.of(ds(context["dag"], context["dag_run"]), settings), ti.dag_id)
        self._require_reports(context, question)
        self.body = below_airflow(f"{self.body}\n\n{question.text(until)}".strip())
        self.assigned_users = [HITLUser(id=name, name=name) for name in settings.who_reviews] or None
        params = {"reason": _REASON}
        if question.failed_checks and settings.model.policy.may_override:
            failed = ", ".join(question.failed_checks)
            why = f"Why it may go into production although it did not pass: {failed}."
            params["override"] = Param("", type="string", format="multiline", title="Override", description=why)
        self.params = ParamsDict(params)
        return question

    def _ask(
        self, context: "Context", question: Question, deadline: datetime, why: str = "", *, is_reminder: bool = False
    ) -> None:
        """Notify people, and wait: what Airflow made of the former wait, or the former answer, is taken back.

        The deadline is that of the form, whose text stays; whoever is asked again has at least the reminder's time.
        """
        if why:
            self.log.warning(why)
        signing_key(question.settings)  # nobody is asked whose answer could not be signed, or could not count
        if question.overtaken:
            self._skip(f"{question.overtaken} {_OVERTAKEN}")
        meant = {"subject": self.subject, "body": self.body, "assigned_users": self.assigned_users or []}
        if compat.show_form(self, context["ti"].id) != meant:
            raise QuestionChanged(
                "Airflow shows the form of an earlier try, with its text and the people of then. The next try has a "
                "form of its own."
            )
        time_left = self.reminder if is_reminder else max(deadline - utcnow(), self.reminder)
        is_reminded = time_left <= self.reminder
        compat.wait_for_answer(self, time_left if is_reminded else time_left - self.reminder)
        self.notifiers = self._notifiers(context, question.settings, ReviewAlert(utcnow() + time_left, why))
        try:
            super().execute(context)
        except compat.WAITING as waiting:
            asked = {"at": stamp(utcnow()), "until": stamp(deadline), **question.parts(self._form)}
            waiting.kwargs = {"is_reminded": is_reminded, "asked": asked}
            raise

    def _notifiers(self, context: "Context", settings: Settings, alert: ReviewAlert) -> list[BaseNotifier]:
        """Those that the DAG names; and galley's alert, which says so in the log where nobody is notified."""
        self.form_url = review_url(context["ti"])
        return [*self.named, alert] if settings.alert_urls or not self.named else list(self.named)

    def _require_reports(self, context: "Context", question: Question) -> None:
        """Raise DecisionError unless the reports and the conclusion are those that the tasks before this one left."""
        left: dict[str, str] = {}
        concluded = set()
        for task_id in sorted(self.get_flat_relative_ids(upstream=True)):
            said = context["ti"].xcom_pull(task_ids=task_id, key=REPORT)
            for digests in said if isinstance(said, list) else [said or {}]:  # a list where the task is mapped
                left |= digests
                if question.page.name in digests:
                    concluded.add(digests.get(CONCLUSION))
        others = [file.name for file in question.reports if left.get(file.name) != file.digest.sha256]
        if concluded != {conclusion_digest(dict(question.review.conclusion))}:
            others.append("what the review concluded, in metrics.json")
        if others:
            raise DecisionError(
                f"{', '.join(others)}: not as the tasks of this run left it. Clear the first of these stages, and what "
                "follows it, to have the review made again."
            )

    def _require_same(self, question: Question, asked: dict[str, str]) -> None:
        changed = [name for name, value in question.parts(self._form).items() if asked.get(name) != value]
        if changed:
            raise QuestionChanged(
                f"Since this was asked, {', '.join(changed)} changed, so that an answer would be about something else. "
                "It does not count, and the next try asks anew."
            )

    def _refusal(self, context: "Context", question: Question, person: str, option: str, said: dict[str, str]) -> str:
        """Why an answer cannot count, so that it is asked again; blank if it can."""
        settings = question.settings
        policy = settings.model.policy
        if settings.who_reviews and person not in settings.who_reviews:
            return f"{person} answered, who may not: {', '.join(settings.who_reviews)} may."
        if option != APPROVE:
            return ""
        if not said.get("reason"):
            return f"{person} approved and gave no reason, so it is asked again: an approval needs one."
        if policy.not_the_trigger and person == context["dag_run"].triggering_user_name:
            return f"{person} approved, who triggered this run: by the policy somebody else has to."
        if question.overtaken:
            return f"{person} approved, which does not count."
        if policy.approvals > 1 and person in question.approvers:
            return f"{person} approved once more: by the policy {policy.approvals} different people have to."
        failed = ", ".join(question.failed_checks)
        if failed and person not in policy.may_override:
            allowed = ", ".join(policy.may_override) or "nobody"
            return (
                f"{person} approved, and a required check did not pass: {failed}. By the policy {allowed} may override."
            )
        if failed and not said.get("override"):
            return f"{person} approved and gave no reason for the override of {failed}, so it is asked again."
        return ""

    def _require_enough(self, context: "Context", question: Question, option: str, deadline: datetime) -> None:
        """Ask for the approvals that the policy wants beside the one that was given."""
        needed = question.settings.model.policy.approvals
        if option == APPROVE and needed > 1 and len(people := question.approvers) < needed:
            why = f"{', '.join(people)} approved. By the policy {needed} different people have to."
            self._ask(context, question, deadline, why=why)


def _silence() -> dict[str, Any]:
    return {"chosen_options": [REJECT], "params_input": {}, "responded_at": utcnow(), "responded_by_user": None}


def _task(context: "Context") -> Task:
    ti = context["ti"]
    by = getattr(context["dag_run"], "triggering_user_name", None) or ""
    return Task.model_validate(
        {"dag": ti.dag_id, "run": ti.run_id, "task": ti.task_id, "try": ti.try_number, "triggered_by": by}
    )


def _overrides(question: Question, said: dict[str, str]) -> tuple[Override, ...]:
    return tuple(Override(check=check, reason=said["override"]) for check in question.failed_checks)
