"""What Airflow lists of galley among its providers."""

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """The entry point apache_airflow_provider."""
    from galley import __version__
    from galley.settings import Settings

    return {
        "package-name": "airflow-galley",
        "name": "galley",
        "description": "Weekly-retrained models: notebook stages, a person's review, then production.",
        "versions": [__version__],
        "config": {
            "galley": {
                "description": "Settings of galley; its environment variables win over them.",
                "options": {
                    name: {
                        "description": setting.metadata["help"],
                        "version_added": None,
                        "type": "string",
                        "example": None,
                        "default": "",
                        "sensitive": not setting.repr,
                    }
                    for name, setting in Settings.options().items()
                },
            }
        },
    }
