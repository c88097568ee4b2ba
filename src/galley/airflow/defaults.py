"""What each task of a DAG has unless the DAG says otherwise: an alert when it fails, and three more tries."""

from datetime import timedelta
from typing import Any

from galley.airflow.alerts import FailureAlert

DEFAULT_ARGS: dict[str, Any] = {
    "retries": 3,
    "retry_delay": timedelta(seconds=30),
    "on_failure_callback": FailureAlert(),
}
"""For a DAG's default_args. Which errors of a stage are tried again at all, StageRetryPolicy says."""
