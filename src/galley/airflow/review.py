"""ReviewOperator: a person in Airflow's UI approves or rejects, with a reason; the answer is what it returns."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.execution_time.hitl import HITLUser

from galley.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

APPROVE = "Approve"
REJECT = "Reject"
_REASON = Param("", type="string", title="Reason", description="Why; it is kept with the model.")


class ReviewOperator(HITLOperator):
    """Waits for a person's answer, without a slot; silence until `response_timeout` is a Reject with "no answer".

    Who may answer comes from GALLEY_REVIEWERS; anyone whom Airflow lets answer, if that is empty. Returns a dict of
    texts: decision, reviewer, reason and answered_at (UTC).
    """

    def __init__(
        self, *, subject: str, body: str, response_timeout: timedelta = timedelta(days=6), **kwargs: Any
    ) -> None:
        reviewers = [HITLUser(id=name, name=name) for name in Settings.from_environment().reviewers]
        # The DAG's own params come in here too, and a person who answers has nothing to say to those.
        kwargs["params"] = {"reason": _REASON}
        super().__init__(
            subject=subject,
            body=body,
            options=[APPROVE, REJECT],
            defaults=REJECT,
            response_timeout=response_timeout,
            assigned_users=reviewers or None,
            **kwargs,
        )

    def execute_complete(self, context: "Context", event: dict[str, Any]) -> dict[str, str]:
        """The answer, as the record needs it."""
        answer = super().execute_complete(context, event)
        user = answer["responded_by_user"]
        return {
            "decision": answer["chosen_options"][0],
            "reviewer": user["name"] if user else "nobody",
            "reason": answer["params_input"].get("reason", "") if user else "no answer",
            "answered_at": answer["responded_at"].isoformat(),
        }
