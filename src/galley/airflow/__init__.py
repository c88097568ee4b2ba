"""What galley adds to Airflow: `from galley.airflow import NotebookOperator, ReviewOperator, FilesSensor, DS`.

Importing this imports nothing else: each task process imports the plugin, and pays for what it asks for alone.
"""

from typing import TYPE_CHECKING, Any

from galley.public import from_modules

if TYPE_CHECKING:
    from galley.airflow.alerts import FailureAlert as FailureAlert
    from galley.airflow.alerts import ReviewAlert as ReviewAlert
    from galley.airflow.choices import approved_versions as approved_versions
    from galley.airflow.dates import DS as DS
    from galley.airflow.deadline import file_deadline as file_deadline
    from galley.airflow.defaults import DEFAULT_ARGS as DEFAULT_ARGS
    from galley.airflow.links import ReportLink as ReportLink
    from galley.airflow.notebook import NotebookOperator as NotebookOperator
    from galley.airflow.notebook import StageRetryPolicy as StageRetryPolicy
    from galley.airflow.review import ReviewOperator as ReviewOperator
    from galley.airflow.sensors import FilesSensor as FilesSensor

_NAMES = {
    "DEFAULT_ARGS": "galley.airflow.defaults",
    "DS": "galley.airflow.dates",
    "FailureAlert": "galley.airflow.alerts",
    "FilesSensor": "galley.airflow.sensors",
    "NotebookOperator": "galley.airflow.notebook",
    "ReportLink": "galley.airflow.links",
    "ReviewAlert": "galley.airflow.alerts",
    "ReviewOperator": "galley.airflow.review",
    "StageRetryPolicy": "galley.airflow.notebook",
    "approved_versions": "galley.airflow.choices",
    "file_deadline": "galley.airflow.deadline",
}

__all__ = sorted(_NAMES)
_found = from_modules(__name__, _NAMES, {})


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        from galley.airflow.release import require_supported

        require_supported()
    return _found(name)
