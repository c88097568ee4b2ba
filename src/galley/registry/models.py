"""The model registry: how MLflow is reached, and which model a name, a URI or a path stands for.

MLflow is imported when it is used and not before: the scheduler's environment does not have it.
"""

import atexit
import logging
import os
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, cached_property
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from galley.errors import (
    DecisionError,
    KernelNotFound,
    ModelNotFound,
    RegistryRefused,
    RegistryUnavailable,
    SettingsError,
)
from galley.proof.decision import DIGEST_TAG, MODEL, Version
from galley.registry import approval, journal
from galley.registry.folder import model_digest
from galley.registry.format import Format, format_of
from galley.settings import Settings
from galley.storage import files

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

    from galley.problems.predictor import Predictor
    from galley.problems.problem import Problem

T = TypeVar("T")

CHAMPION = "champion"
CHALLENGER = "challenger"
PREVIOUS_CHAMPION = "previous_champion"

_QUIET_AND_QUICK = {
    # MLflow's own defaults wait four minutes for a server that is gone. Airflow retries the task instead.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    # None of these lines belongs in a report.
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
_REGISTERED = re.compile(r"models:/(?P<name>[^/@]+)(?:@(?P<alias>[^/]+)|/(?P<version>\d+|latest))")
_SQLITE = "sqlite:///"
_KIND = {"mlflow.experimentKind": "custom_model_development"}
"""The tag by which MLflow opens an experiment as one of models; it asks people where there is none."""
_REFUSED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_BUSY = frozenset({"TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "DEADLINE_EXCEEDED"})


@dataclass(frozen=True)
class Model:
    """A model that can be loaded: where it is said to be, and the local folder that holds it.

    `statement` is the position and the digest of the signed statement by which it is, or once was, in production; blank
    where nobody asked for one.
    """

    uri: str
    version: str | None
    path: Path
    digest: str
    settings: Settings = field(repr=False)
    statement: str = ""

    @cached_property
    def format(self) -> Format:
        """What it is saved as. Raises ModelNotFound if it does not say so, or says what galley cannot load."""
        try:
            return format_of(self.path)
        except ModelNotFound as refusal:
            raise ModelNotFound(f"{self.uri} is not loaded: {refusal}") from None

    def load(self) -> Any:
        """The model as its library has it; a warning says so if that may have run code that came with it.

        Where galley.toml names another kernel for its flavor, it is a `ModelInKernel`, which is asked in the same way.
        Raises ModelNotFound if the folder does not hold one, or one that galley.toml does not allow to be loaded, and
        KernelNotFound if there is no such kernel.
        """
        _configure_mlflow()
        try:
            loaded = self.format.load(self.settings)
        except ModelNotFound as refusal:
            raise ModelNotFound(f"{self.uri} is not loaded: {refusal}") from None
        except KernelNotFound:
            raise
        except ImportError as error:
            raise ModelNotFound(
                f"{self.uri} does not load: {error}. Install that here, or name the kernel that has it: "
                f'[kernels.NAME] loads = ["{self.format.flavor}"] in {self.settings.project_file.name}.'
            ) from error
        except Exception as error:
            raise ModelNotFound(f"{self.uri} does not load: {error}. Train it again, or name another model.") from error
        if self.format.notice:
            warnings.warn(f"{self.uri}: {self.format.notice}", stacklevel=2)
        return loaded

    def predictor(self, problem: "Problem | None" = None) -> "Predictor":
        """What says of rows what the model predicts, in the form of the problem: the declared one, unless given.

        Raises what `load` raises.
        """
        from galley.problems.predictor import Predictor
        from galley.problems.problem import problem_of

        return Predictor(self.load(), problem or problem_of(self.settings.model), self.format.columns)


def connect(settings: Settings) -> "MlflowClient":
    """Point MLflow at the tracking server and registry of the settings, with the model's own experiment.

    Raises RegistryUnavailable, within seconds, when nobody answers, RegistryRefused, and SettingsError where somebody
    has deleted the experiment.
    """
    client = registry_client(settings)
    import mlflow

    with registry_errors(settings):
        mlflow.set_experiment(experiment_id=_experiment(client, settings))
    return client


def registry_client(settings: Settings) -> "MlflowClient":
    """Point MLflow at the settings' server, without an experiment: what logs no run needs none."""
    _configure_mlflow()
    import mlflow

    _make_room(settings.tracking_uri)
    mlflow.set_tracking_uri(settings.tracking_uri)
    mlflow.set_registry_uri(settings.tracking_uri)
    with registry_errors(settings):
        return _client_class()()


@cache
def _client_class() -> type["MlflowClient"]:
    from mlflow import MlflowClient

    known: set[tuple[str, str]] = set()

    class Client(MlflowClient):
        """Looks once, and not before each request about a model, whether it is a prompt: no model becomes one."""

        def _raise_if_prompt(self, name: str) -> None:
            model = (self.tracking_uri, name)
            if model not in known:
                super()._raise_if_prompt(name)
                known.add(model)

    return Client


@contextmanager
def registry_errors(settings: Settings) -> Iterator[None]:
    """What MLflow raises because nobody answers becomes RegistryUnavailable; a refused login, RegistryRefused."""
    from mlflow import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import OperationalError

    try:
        yield
    except (MlflowException, RequestException, OperationalError) as error:
        if _is_refused(error):
            raise _refused(settings, error) from None
        if _is_no_answer(error):
            raise _unavailable(settings, error) from None
        raise


def answered(found: T, settings: Settings) -> T:
    """What the registry gave. Raises RegistryUnavailable for an answer that names nothing: `{}` is no registry's."""
    if not getattr(found, "name", ""):
        raise _unavailable(settings, ValueError("what answers is no registry: it names no model"))
    return found


def resolve(model_uri: str, settings: Settings, was_champion: bool = False) -> Model:
    """The model that `model_uri` names.

    Blank or "champion" is the registry's champion; else an MLflow URI (models:/..., runs:/...), an absolute path, or
    a path under the data folder (models/2026-11-23). With `was_champion` it is a version that once was in production.
    Raises ModelNotFound when there is none, RegistryUnavailable, and for the champion or a former one DecisionError or
    SignatureError unless a signed statement says that somebody decided on these very files.
    """
    uri = model_uri.strip()
    if uri in ("", CHAMPION):
        uri = f"models:/{settings.model.name}@{CHAMPION}"
    if not _is_uri(uri, settings):
        return _from_path(uri, settings)
    client = registry_client(settings)
    version = _version_of(client, uri, settings)
    if version is None:
        path = download(uri, settings)
        return Model(uri, None, path, model_digest(path), settings)
    number, is_champion = str(version.version), uri.endswith(f"@{CHAMPION}")
    signed = None
    if is_champion or was_champion:
        signed = approval.approval_of(Version(number, version.tags), settings, is_current=is_champion)
    if is_champion:
        _require_moved_by_galley(client, version)
    path = download(_exact(version), settings)
    digest = model_digest(path)
    if signed is None:
        require_digest(version, digest)
        return Model(uri, number, path, digest, settings)
    approval.require_digest(signed, digest)
    return Model(uri, number, path, digest, settings, str(signed.head))


def _require_moved_by_galley(client: "MlflowClient", version: "ModelVersion") -> None:
    """Refuse a champion whose alias was moved outside galley, though it was approved once."""
    by_record = journal.current(journal.last_moves(version.tags))
    if by_record != str(version.version):  # as it was before versions carried their moves, and as a stranger's is
        by_record = journal.current(journal.entries(client.get_registered_model(version.name).tags))
    if by_record != str(version.version):
        raise DecisionError(
            f"Version {version.version} of {version.name} was made champion outside galley: "
            f"by record it is {f'version {by_record}' if by_record else 'none'}. Roll back to a version that was "
            "approved, or have this one reviewed."
        )


def require_digest(version: "ModelVersion", digest: str) -> None:
    """Refuse a version whose files are not those that were registered. One registered by others has no digest."""
    registered = version.tags.get(DIGEST_TAG + MODEL)
    if registered and registered != digest:
        raise DecisionError(
            f"The files of version {version.version} of {version.name} changed since it was registered "
            f"(sha256 {digest[:12]}, registered {registered[:12]}). Roll back to another version."
        )


def download(uri: str, settings: Settings) -> Path:
    """A copy of the model of an MLflow URI, in a folder that is removed when the process ends."""
    import mlflow

    scratch = Path(tempfile.mkdtemp(prefix="galley-model-"))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    with registry_errors(settings):
        try:
            folder = Path(mlflow.artifacts.download_artifacts(uri, dst_path=str(scratch)))
        except (mlflow.MlflowException, OSError, ImportError) as error:
            if _is_refused(error) or _is_no_answer(error):
                raise
            raise _not_found(uri, error) from error
    return _model_folder(folder, uri)


def _from_path(uri: str, settings: Settings) -> Model:
    try:
        here = files.local(files.path_of(uri) if "://" in uri else settings.model_data / uri)
    except FileNotFoundError as error:
        raise _not_found(uri, error) from None
    folder = _model_folder(here, uri)
    return Model(uri, None, folder, model_digest(folder), settings)


def _model_folder(folder: Path, uri: str) -> Path:
    if not (folder / "MLmodel").is_file():
        raise _not_found(uri, f"there is no MLmodel file in {folder}")
    return folder


def _version_of(client: "MlflowClient", uri: str, settings: Settings) -> "ModelVersion | None":
    """The registered version that a models:/ URI names; None for what is not in the registry."""
    from mlflow import MlflowException

    named = _REGISTERED.fullmatch(uri)
    if named is None:
        return None
    with registry_errors(settings):
        try:
            if named["alias"]:
                return answered(client.get_model_version_by_alias(named["name"], named["alias"]), settings)
            if named["version"] == "latest":
                newest = client.search_model_versions(
                    f"name='{named['name']}'", max_results=1, order_by=["version_number DESC"]
                )
                return answered(newest[0], settings)
            return answered(client.get_model_version(named["name"], named["version"]), settings)
        except IndexError:
            raise _not_found(uri, f"{named['name']} has no version") from None
        except MlflowException as error:
            if _is_refused(error) or _is_no_answer(error):
                raise
            raise _not_found(uri, error) from error


def _not_found(uri: str, why: object) -> ModelNotFound:
    return ModelNotFound(
        f"{uri} is not a model: {why}. Have one approved, or set the Variable model_uri to a path "
        "under the data folder (models/2026-11-23) or an MLflow URI (models:/name/3)."
    )


def _is_uri(text: str, settings: Settings) -> bool:
    """Whether MLflow is to resolve it: not what lies below data, in a bucket either."""
    return not text.startswith(f"{settings.data}/") and (text.startswith(("models:/", "runs:/")) or "://" in text)


def _exact(version: "ModelVersion") -> str:
    """The URI of the version itself: an alias may move between two questions."""
    return f"models:/{version.name}/{version.version}"


def _experiment(client: "MlflowClient", settings: Settings) -> str:
    """The id of the model's experiment, which is made when it is not there."""
    from mlflow import MlflowException

    found = client.get_experiment_by_name(settings.model.name)
    if found is None:
        try:
            return str(
                client.create_experiment(settings.model.name, artifact_location=_artifacts(settings), tags=_KIND)
            )
        except MlflowException as error:
            # Two stages may come here at once; the one that lost finds what the other made.
            found = client.get_experiment_by_name(settings.model.name)
            if found is None:
                raise error from None
    if found.lifecycle_stage == "deleted":
        raise SettingsError(
            f"The experiment {settings.model.name} was deleted in MLflow, so that no run can be logged. Restore it "
            f"there: mlflow experiments restore --experiment-id {found.experiment_id}"
        )
    return str(found.experiment_id)


def _artifacts(settings: Settings) -> str | None:
    """Where artifacts go; None for a server, which knows.

    Beside SQLite's file, so that they are on this machine where data is in a bucket, which MLflow cannot reach without
    boto3.
    """
    if _is_server(settings.tracking_uri):
        return None
    return ((_sqlite_folder(settings.tracking_uri) or settings.data / "mlflow") / "artifacts").as_uri()


def _sqlite_folder(tracking_uri: str) -> Path | None:
    """The folder of SQLite's file; None if it is another kind of store."""
    if not tracking_uri.startswith(_SQLITE):
        return None
    return Path(tracking_uri.removeprefix(_SQLITE)).parent


def _make_room(tracking_uri: str) -> None:
    """SQLite makes its file and not the folder."""
    if folder := _sqlite_folder(tracking_uri):
        folder.mkdir(parents=True, exist_ok=True)


def _configure_mlflow() -> None:
    """MLflow reads its settings from the environment. What is set there already is someone's wish and stays."""
    for name, value in _QUIET_AND_QUICK.items():
        os.environ.setdefault(name, value)
    # That tables are made in a new database, and that an environment has no pip: lines that tell no reader anything.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)
    # In a kernel, tqdm asks for a widget that no report could show.
    warnings.filterwarnings("ignore", message="IProgress not found")


def _is_server(tracking_uri: str) -> bool:
    return tracking_uri.startswith(("http://", "https://"))


def _is_no_answer(error: Exception) -> bool:
    from requests import ConnectionError as NoConnection
    from requests import Timeout
    from sqlalchemy.exc import OperationalError

    code = getattr(error, "error_code", None)
    # INTERNAL_ERROR is also what MLflow gives an error it has no code for; only a request that failed is meant here.
    no_answer = isinstance(error, NoConnection | Timeout | OperationalError)
    return no_answer or code in _BUSY or "API request to" in str(error)[:20]


def _is_refused(error: Exception) -> bool:
    """Whether it is a server's 401 or 403."""
    return _status(error) in _REFUSED


def _status(error: Exception) -> int | None:
    status_of: Any = getattr(error, "get_http_status_code", None)  # MLflow's own errors have it
    found: int | None = status_of() if status_of else getattr(getattr(error, "response", None), "status_code", None)
    return found


def _refused(settings: Settings, error: Exception) -> RegistryRefused:
    shown = _without_password(settings.tracking_uri)
    name = os.environ.get("MLFLOW_TRACKING_USERNAME")
    user = f"the user {name}" if name else "who has no user name"
    if _status(error) == HTTPStatus.FORBIDDEN:
        what = (
            f"does not let {user} do this. A task that moves production takes a user who may from the connection that "
            "its mlflow_conn_id names; for anything else ask whoever administers MLflow."
        )
    else:
        what = (
            f"refuses {user}. Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to what it knows "
            "(MLFLOW_PASSWORD in the stack's .env)."
        )
    return RegistryRefused(f"The model registry at {shown} {what} ({str(error).replace(settings.tracking_uri, shown)})")


def _unavailable(settings: Settings, error: Exception) -> RegistryUnavailable:
    shown = _without_password(settings.tracking_uri)
    why = str(error).replace(settings.tracking_uri, shown)
    return RegistryUnavailable(
        f"The model registry at {shown} does not answer. Start it, or set MLFLOW_TRACKING_URI to where it is. ({why})"
    )


def _without_password(uri: str) -> str:
    parts = urlsplit(uri)
    return parts._replace(netloc=f"***@{parts.hostname}:{parts.port}").geturl() if parts.password else uri
