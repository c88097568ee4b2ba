"""Addresses: where the user interfaces of the stack listen, and where people reach them."""

from pathlib import Path
from urllib.parse import urlsplit

from galley.errors import SettingsError

PORTS = {"Airflow": "GALLEY_AIRFLOW_PORT", "MLflow": "GALLEY_MLFLOW_PORT", "JupyterLab": "GALLEY_LAB_PORT"}
"""The setting of each port that the stack publishes."""
URLS = {"Airflow": "AIRFLOW_URL", "MLflow": "MLFLOW_URL", "JupyterLab": "JUPYTER_URL"}
_TLS_PATHS = {"AIRFLOW_URL": "/airflow", "MLFLOW_URL": "/mlflow", "JUPYTER_URL": "/jupyter"}


def public(settings: dict[str, str]) -> dict[str, str]:
    """Where people reach each user interface."""
    return {name: settings[url] or f"http://localhost:{settings[PORTS[name]]}" for name, url in URLS.items()}


def published(settings: dict[str, str]) -> dict[str, tuple[str, str]]:
    """The setting of each port that is to be listened on, and at which address."""
    ports = {name: (port, settings["BIND"]) for name, port in PORTS.items()}
    return ports | ({"the proxy": ("TLS_PORT", settings["TLS_BIND"])} if _with_tls(settings) else {})


def require(home: Path, settings: dict[str, str]) -> None:
    """Raise SettingsError unless each URL is one and, with the profile tls, what its proxy serves and with what."""
    for name in URLS.values():
        parts = urlsplit(settings[name])
        if settings[name] and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query):
            raise SettingsError(f"{name}={settings[name]} in .env is not the address of a page, as https://host/path.")
        path = _TLS_PATHS[name]
        if _with_tls(settings) and (parts.scheme, parts.path.rstrip("/")) != ("https", path):
            raise SettingsError(
                f"{name}={settings[name]} in .env: the proxy of the profile tls has this at {path}. "
                f"Set it to https://<the name in the certificate>{path}"
            )
    for name in ("TLS_CERTIFICATE_FILE", "TLS_KEY_FILE"):
        if _with_tls(settings) and not (settings[name] and (home / settings[name]).is_file()):
            raise SettingsError(f"{name}={settings[name]} in .env is not a file. The profile tls needs it, as PEM.")


def _with_tls(settings: dict[str, str]) -> bool:
    return "tls" in settings.get("COMPOSE_PROFILES", "").split(",")
