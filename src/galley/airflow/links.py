"""Links into Airflow's user interface: to a report, and to a review that waits for its answer."""

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseOperatorLink

from galley.airflow.compat import conf
from galley.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

REPORTS = "/plugin/reports/galley/reports/"
"""Where Airflow's user interface shows the plugin's reports, from Airflow's own address on."""


def airflow_url() -> str:
    """Where Airflow is, for those who are not there: alerts."""
    return str(conf.get("api", "base_url", fallback="http://localhost:8080")).rstrip("/")


def below_airflow(markdown: str) -> str:
    """Markdown whose links to Airflow's own pages lead below the path that Airflow is served at."""
    return re.sub(r"\]\((?=/)", f"]({urlsplit(airflow_url()).path}", markdown)


def report_url(page: "Path", settings: Settings) -> str:
    """The address of a report in Airflow's UI."""
    return airflow_url() + REPORTS + quote(page.relative_to(settings.outputs).as_posix())


def review_url(ti: Any) -> str:
    """The address of the form that a task which waits for a person shows.

    Not the provider's own: that one forgets the path which Airflow may be served below, and quotes nothing.
    """
    run, task = (quote(name, safe="") for name in (ti.run_id, ti.task_id))
    return f"{airflow_url()}/dags/{quote(ti.dag_id)}/runs/{run}/tasks/{task}/required_actions"


class ReportLink(BaseOperatorLink):
    """The report of the attempt that the task just made, whether it completed or not."""

    name = "Report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 - Airflow's signature
        """The report's place within Airflow's own address; empty if the task ended before there was one.

        Airflow keeps it with the task, and may be served elsewhere when somebody follows it.
        """
        execution = getattr(operator, "execution", None)
        if execution is None or execution.page is None:
            return ""
        return urlsplit(report_url(execution.page, execution.settings)).path
