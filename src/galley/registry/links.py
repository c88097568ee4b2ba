"""MLflow's pages: where people look at a version, at the run of its training, and at what was logged with that."""

from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from galley.registry.models import registry_errors
from galley.settings import Settings

if TYPE_CHECKING:
    from mlflow import MlflowClient


def links(client: "MlflowClient", settings: Settings, version: str) -> str:
    """Links in markdown to a version and to the run of its training, if it says which that was."""
    pages = {f"version {version}": version_page(settings.model.name, version)}
    with registry_errors(settings):
        run_id = client.get_model_version(settings.model.name, version).run_id
        run = client.get_run(run_id).info if run_id else None
    if run is not None:
        pages[f"its run {run.run_name}"] = run_page(run.experiment_id, run.run_id)
    said = ", ".join(f"[{name}]({address(settings)}/{page})" for name, page in pages.items())
    return f"{said} ({note(settings)})" if note(settings) else said


def address(settings: Settings) -> str:
    """MLflow's user interface as a browser reaches it: as set, the tracking server, or what `make up` serves here."""
    server = urlsplit(settings.tracking_uri)
    if settings.mlflow_url:
        return settings.mlflow_url
    if server.scheme in ("http", "https"):
        return server._replace(netloc=server.netloc.rpartition("@")[2]).geturl().rstrip("/")
    return f"http://127.0.0.1:{settings.mlflow_port}"


def note(settings: Settings) -> str:
    """What is to be said beside a link; blank where a server is always there."""
    is_local = not settings.mlflow_url and settings.tracking_uri.startswith("sqlite:")
    return "while `make up` runs" if is_local else ""


def version_page(name: str, version: str) -> str:
    """The page of a registered version, from the address on."""
    return f"#/models/{quote(name, safe='')}/versions/{version}"


def run_page(experiment: str, run: str) -> str:
    """The page of a run, from the address on."""
    return f"#/experiments/{experiment}/runs/{run}"


def report_page(experiment: str, run: str, report: str) -> str:
    """The page of a report that was logged with a run, from the address on."""
    return f"{run_page(experiment, run)}/artifacts/reports/{quote(report)}"
