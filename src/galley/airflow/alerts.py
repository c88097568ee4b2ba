"""FailureAlert: tells people that a task failed, where, why and where to read it, through any service Apprise knows."""

import logging
from typing import TYPE_CHECKING, Any

from airflow.providers.apprise.notifications.apprise import AppriseNotifier
from apprise import AppriseConfig, NotifyType

from galley.airflow.links import report_url
from galley.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)


class FailureAlert(AppriseNotifier):
    """An on_failure_callback that sends the failed task, its error and its links to the URLs in GALLEY_ALERT_URLS."""

    def __init__(self) -> None:
        super().__init__(body="", notify_type=NotifyType.FAILURE)

    def notify(self, context: "Context") -> None:
        """Send it; with no URLs set, say in the log that alerts go nowhere."""
        urls = Settings.from_environment().alert_urls
        if not urls:
            log.warning("Nobody is told of this failure: GALLEY_ALERT_URLS is empty. Set it to Apprise URLs.")
            return
        config = AppriseConfig()
        config.add_config("\n".join(urls), format="text")
        ti = context["ti"]
        self.hook.notify(
            title=f"{ti.dag_id}: {ti.task_id} failed",
            body="\n".join(_lines(context)),
            notify_type=self.notify_type,
            config=config,
        )


def _lines(context: "Context") -> list[str]:
    ti: Any = context["ti"]
    error = context.get("exception")
    execution = getattr(context.get("task"), "execution", None)
    facts = {
        "Run": ti.run_id,
        "Try": ti.try_number,
        "Error": f"{type(error).__name__}: {error}" if isinstance(error, BaseException) else error,
        "Report": report_url(execution.page, execution.settings) if execution and execution.page else None,
        "Log": ti.log_url,
    }
    return [f"{name}: {value}" for name, value in facts.items() if value]
