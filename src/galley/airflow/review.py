"""ReviewOperator: a person in Airflow's UI approves or rejects, with a reason; the answer is what it returns."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowSkipException, TaskAwaitingInput
from airflow.sdk.execution_time.hitl import HITLUser
from airflow.sdk.timezone import utcnow

from galley.airflow.alerts import ReviewAlert
from galley.errors import SettingsError
from galley.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

APPROVE = "Approve"
REJECT = "Reject"
_REASON = Param("", type="string", title="Reason", description="Why; it is kept with the model.")
_BACKFILL = "backfill"
_NOBODY_IS_ASKED = (
    "Nobody is asked in a backfill, so nothing is recorded or promoted: the week is there to be compared. "
    "To have its model reviewed, delete this run and trigger the DAG for that day."
)


class ReviewOperator(HITLOperator):
    """Waits for a person's answer, without a slot; silence for `response_timeout` is a Reject with "no answer".

    People are notified when it asks, and reminded when there is only `reminder` left to answer. In a backfill it is
    skipped, and what follows with it: those weeks are there to be looked at.

    Who may answer is what GALLEY_REVIEWERS or the model's policy says when it asks; anyone whom Airflow lets answer, if
    neither does. `model` names the model of galley.toml; left blank, the one that the DAG belongs to. Returns a dict of
    texts: decision, reviewer, reason and answered_at (UTC).
    """

    # What Airflow keeps of a task's kind: by this, a subclass is known for what it is.
    custom_operator_name = "ReviewOperator"

    def __init__(
        self,
        *,
        subject: str,
        body: str,
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
        super().__init__(
            subject=subject,
            body=body,
            options=[APPROVE, REJECT],
            defaults=REJECT,
            **kwargs,
        )
        self.answer_within = response_timeout
        self.model = model
        self.reminder = reminder

    def execute(self, context: "Context") -> None:
        """Ask, unless nobody is to be asked."""
        if context["dag_run"].run_type == _BACKFILL:
            # Said here too: what a task is skipped with, Airflow folds away.
            self.log.warning(_NOBODY_IS_ASKED)
            raise AirflowSkipException(_NOBODY_IS_ASKED)
        self._ask(context, self.answer_within)

    def execute_complete(self, context: "Context", event: dict[str, Any], is_reminded: bool = False) -> dict[str, str]:
        """The answer, as the record needs it. Silence is an answer only after the reminder."""
        if event["timedout"] and not is_reminded:
            self._ask(context, self.reminder, why="There is no answer yet.")
        answer = super().execute_complete(context, event)
        user, decision = answer["responded_by_user"], answer["chosen_options"][0]
        reason = answer["params_input"].get("reason", "").strip() if user else "no answer"
        if user and decision == APPROVE and not reason:
            why = f"{user['name']} approved and gave no reason, so it is asked again: an approval needs one."
            self.log.warning(why)
            self._ask(context, self.answer_within, why)
        return {
            "decision": decision,
            "reviewer": user["name"] if user else "nobody",
            "reason": reason,
            "answered_at": answer["responded_at"].isoformat(),
        }

    def _ask(self, context: "Context", time_left: timedelta, why: str = "") -> None:
        """Tell people, and wait: what Airflow made of the former wait, or the former answer, is taken back."""
        settings = Settings.from_environment().for_model(self.model, context["ti"].dag_id)
        self.assigned_users = [HITLUser(id=name, name=name) for name in settings.who_reviews] or None
        is_reminded = time_left <= self.reminder
        self.response_timeout = time_left if is_reminded else time_left - self.reminder
        self.notifiers = [ReviewAlert(utcnow() + time_left, why)]
        try:
            super().execute(context)
        except TaskAwaitingInput as waiting:
            waiting.kwargs = {"is_reminded": is_reminded}
            raise
