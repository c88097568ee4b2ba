"""What Airflow lists of galley among its providers."""

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """The entry point apache_airflow_provider."""
    from galley import __version__

    return {
        "package-name": "airflow-galley",
        "name": "galley",
        "description": "Weekly-retrained models: notebook stages, a person's review, then production.",
        "versions": [__version__],
    }
