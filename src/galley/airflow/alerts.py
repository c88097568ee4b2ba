"""Alerts: notices to people, through any service that Apprise knows: a task failed, a review waits for them."""

import logging
import re
from abc import ABC, abstractmethod
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin

from airflow.providers.apprise.hooks.apprise import AppriseHook
from airflow.providers.apprise.notifications.apprise import AppriseNotifier
from apprise import AppriseConfig, NotifyFormat, NotifyType

from galley.airflow import configuration
from galley.airflow.compat import AirflowNotFoundException
from galley.airflow.links import airflow_url, report_url, review_url
from galley.markdown import escaped
from galley.settings import Settings

if TYPE_CHECKING:
    from airflow.sdk import Context

log = logging.getLogger(__name__)

_CONNECTION = "In GALLEY_ALERT_URLS it has to be an Apprise URL, or Airflow's name of a connection of the kind apprise."


class Alert(AppriseNotifier, ABC):
    """A message to the URLs and connections in GALLEY_ALERT_URLS. Each kind says what its title and its body are."""

    def __init__(self, notify_type: NotifyType, body_format: NotifyFormat = NotifyFormat.TEXT) -> None:
        super().__init__(body="", notify_type=notify_type, body_format=body_format)

    @abstractmethod
    def message(self, context: "Context") -> tuple[str, str]:
        """Title and body."""

    def notify(self, context: "Context") -> None:
        """Send it; with no URLs set, say in the log that alerts go nowhere."""
        urls = alert_urls(configuration.settings(), _dag_id(context))
        title, body = self.message(context)
        title = " ".join(title.split())
        if not urls:
            log.warning("Nobody is notified of %r: GALLEY_ALERT_URLS is empty. Set it to Apprise URLs.", title)
            return
        for hook, config in self._ways(urls):
            # Apprise says in the log what it could not deliver, and raises nothing.
            try:
                hook.notify(
                    title=title, body=body, notify_type=self.notify_type, body_format=self.body_format, config=config
                )
            except (AirflowNotFoundException, KeyError, TypeError, ValueError) as error:
                log.error("%r was not sent by %s (%s). %s", title, hook.apprise_conn_id, error, _CONNECTION)

    def _ways(self, urls: list[str]) -> list[tuple[AppriseHook, AppriseConfig | None]]:
        """What sends to the URLs, all at once, and to each connection, which names its own."""
        addresses = [url for url in urls if "://" in url]
        config = AppriseConfig()
        config.add_config("\n".join(addresses), format="text")
        connections: list[tuple[AppriseHook, AppriseConfig | None]] = [
            (AppriseHook(url), None) for url in urls if url not in addresses
        ]
        return [(self.hook, config), *connections] if addresses else connections


def alert_urls(settings: Settings, dag_id: str) -> list[str]:
    """What there is for a DAG: all that is for everything, and what begins with its model's name, as churn=json://..."""
    declared, model = settings.project.models, settings.project.model_of_dag(dag_id)
    named = [(url.partition("=")[0], url) for url in settings.alert_urls]
    return [
        url.removeprefix(f"{name}=") if name in declared else url
        for name, url in named
        if name not in declared or (model is not None and name == model.name)
    ]


def _dag_id(context: Any) -> str:
    """The DAG of a task's context, or of a run's, which a deadline has."""
    return str(context["ti"].dag_id if "ti" in context else context["dag_run"]["dag_id"])


class FailureAlert(Alert):
    """An on_failure_callback: which task failed, with its error and its links."""

    def __init__(self) -> None:
        super().__init__(NotifyType.FAILURE)

    def message(self, context: "Context") -> tuple[str, str]:
        """The facts, one a line."""
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
        # Indented, so that no line of an error passes for a fact of its own.
        lines = ["\n    ".join(f"{name}: {value}".splitlines()) for name, value in facts.items() if value]
        return f"{ti.dag_id}: {ti.task_id} failed", "\n".join(lines)


class ReviewAlert(Alert):
    """A review waits for a person: what is asked, the evidence, and the link that opens the form.

    `deadline` is when silence becomes the answer; `why` says why it is asked once more, if it is.
    """

    def __init__(self, deadline: datetime, why: str = "") -> None:
        super().__init__(NotifyType.WARNING if why else NotifyType.INFO, NotifyFormat.MARKDOWN)
        self.deadline = deadline
        self.why = why

    def message(self, context: "Context") -> tuple[str, str]:
        """The review's own text, in markdown."""
        task: Any = context["task"]
        parts = [
            escaped(self.why),
            f"Answer it here: <{review_url(context['ti'])}>",
            f"Without an answer until {self.deadline:%Y-%m-%d %H:%M} UTC it is a Reject.",
            _with_addresses(_without_html(task.body)),
        ]
        return task.subject, "\n\n".join(part for part in parts if part)


def _without_html(markdown: str) -> str:
    """Markdown whose tags are shown as the text that they are, as Airflow shows them, and whose images are links."""
    return re.sub(r"<(?!https?://[^\s<>]+>)", "&lt;", markdown).replace("![", "[")


def _with_addresses(markdown: str) -> str:
    """Markdown whose links lead to Airflow from wherever it is read."""
    return re.sub(r"\]\((?=/)", f"]({urljoin(airflow_url(), '/').rstrip('/')}", markdown)
