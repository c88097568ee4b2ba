"""Settings: where things are and who is told, read from the environment and refused when they make no sense."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from galley.errors import SettingsError
from galley.storage import bucket

ENVIRONMENT_PREFIX = "GALLEY_"
RUNNERS = ("local", "docker")
_ROOTS = ("data", "outputs", "notebooks")
_IMAGES = "workbench=galley-workbench data=galley-data-stage"
_HEADLINES = "validate.roc_auc predict.predicted_late_share generate.late_share"


def find_home(start: Path) -> Path:
    """The nearest folder at or above `start` that holds `dags`, `notebooks` and `pyproject.toml`."""
    for folder in (start, *start.parents):
        if all((folder / name).exists() for name in ("dags", "notebooks", "pyproject.toml")):
            return folder
    raise SettingsError(
        f"No project found at or above {start} (a folder with dags/, notebooks/ and pyproject.toml). "
        "Set GALLEY_HOME to the project's folder."
    )


@dataclass(frozen=True)
class Settings:
    """One value per environment variable; each field's help is what docs and errors show."""

    home: Path = field(metadata={"env": "GALLEY_HOME", "help": "the project: what holds dags/ and notebooks/"})
    data: Path = field(
        metadata={"env": "GALLEY_DATA", "help": "what stages hand to each other, by day; or s3://bucket/folder"}
    )
    outputs: Path = field(
        metadata={"env": "GALLEY_OUTPUTS", "help": "executed notebooks and decisions, by day; or s3://bucket/folder"}
    )
    notebooks: Path = field(metadata={"env": "GALLEY_NOTEBOOKS", "help": "the stages: <dag_id>/NN_<stage>.ipynb"})
    tracking_uri: str = field(
        metadata={"env": "MLFLOW_TRACKING_URI", "help": "MLflow: a server's URL, or SQLite under data"}
    )
    model: str = field(metadata={"env": "GALLEY_MODEL", "help": "the registered model's name"})
    reviewers: tuple[str, ...] = field(
        metadata={"env": "GALLEY_REVIEWERS", "help": "who may answer a review, by user name; empty: anyone who may"}
    )
    alert_urls: tuple[str, ...] = field(
        repr=False, metadata={"env": "GALLEY_ALERT_URLS", "help": "Apprise URLs that alerts go to, one a blank"}
    )
    key_metrics: tuple[str, ...] = field(
        metadata={"env": "GALLEY_HEADLINES", "help": "the numbers that Reports follows, as stage.name, one a blank"}
    )
    lab_url: str = field(
        metadata={"env": "GALLEY_LAB_URL", "help": "JupyterLab on the notebooks, for copies of reports; empty: none"}
    )
    mlflow_url: str = field(
        metadata={
            "env": "GALLEY_MLFLOW_URL",
            "help": "MLflow's pages for a browser; empty: the server, or its port here",
        }
    )
    warm_kernels: bool = field(
        metadata={
            "env": "GALLEY_WARM_KERNELS",
            "help": "on: kernels are forked, their imports done; off: each starts anew",
        }
    )
    runner: str = field(
        metadata={"env": "GALLEY_RUNNER", "help": "local: stages run in their task's process; docker: in containers"}
    )
    images: Mapping[str, str] = field(
        hash=False,  # a dict has none, and settings are part of keys
        metadata={"env": "GALLEY_IMAGES", "help": "docker: each kernel's image, as kernel=image, one a blank"},
    )
    docker_host: str = field(metadata={"env": "DOCKER_HOST", "help": "docker: where its engine is"})
    network: str = field(
        metadata={"env": "GALLEY_NETWORK", "help": "docker: the network that containers join, to reach MLflow"}
    )
    host_data: Path = field(
        metadata={"env": "GALLEY_HOST_DATA", "help": "docker: where the engine's machine has GALLEY_DATA"}
    )
    host_outputs: Path = field(
        metadata={"env": "GALLEY_HOST_OUTPUTS", "help": "docker: where the engine's machine has GALLEY_OUTPUTS"}
    )
    host_notebooks: Path = field(
        metadata={"env": "GALLEY_HOST_NOTEBOOKS", "help": "docker: where the engine's machine has GALLEY_NOTEBOOKS"}
    )
    stage_environment: tuple[str, ...] = field(
        metadata={
            "env": "GALLEY_STAGE_ENVIRONMENT",
            "help": "docker: variables that containers get beside galley's and MLFLOW_TRACKING_*, one a blank",
        }
    )
    airflow_port: int = field(metadata={"env": "GALLEY_AIRFLOW_PORT", "help": "Airflow's port on loopback"})
    mlflow_port: int = field(metadata={"env": "GALLEY_MLFLOW_PORT", "help": "MLflow's port on loopback"})
    lab_port: int = field(metadata={"env": "GALLEY_LAB_PORT", "help": "JupyterLab's port on loopback"})

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment.

        Raises SettingsError for a GALLEY_ variable that does not exist and for a value that cannot be one.
        """
        given = os.environ if environment is None else environment
        known = {f.metadata["env"] for f in fields(cls)}
        unknown = sorted(name for name in given if name.startswith(ENVIRONMENT_PREFIX) and name not in known)
        if unknown:
            raise SettingsError(
                f"{unknown[0]} is no setting of galley. Unset it, or use one of {', '.join(sorted(known))}."
            )
        home = _folder(given, "GALLEY_HOME") or find_home(Path.cwd())
        runner = _one_of(given, "GALLEY_RUNNER", RUNNERS)
        # Of no interest where no engine is asked, and compose sets them always.
        on_host = given if runner == "docker" else {}
        data = _root(given, "GALLEY_DATA") or home / "data"
        outputs = _root(given, "GALLEY_OUTPUTS") or home / "outputs"
        notebooks = _folder(given, "GALLEY_NOTEBOOKS") or home / "notebooks"
        return cls(
            home=home,
            data=data,
            outputs=outputs,
            notebooks=notebooks,
            tracking_uri=given.get("MLFLOW_TRACKING_URI") or _database_in(data),
            model=given.get("GALLEY_MODEL") or "flights-late",
            reviewers=tuple(given.get("GALLEY_REVIEWERS", "").split()),
            alert_urls=tuple(given.get("GALLEY_ALERT_URLS", "").split()),
            key_metrics=tuple(given.get("GALLEY_HEADLINES", _HEADLINES).split()),
            lab_url=_url(given, "GALLEY_LAB_URL"),
            mlflow_url=_url(given, "GALLEY_MLFLOW_URL"),
            warm_kernels=warm_kernels(given),
            runner=runner,
            images=_images(given.get("GALLEY_IMAGES") or _IMAGES),
            docker_host=given.get("DOCKER_HOST") or "unix:///var/run/docker.sock",
            network=given.get("GALLEY_NETWORK") or "bridge",
            host_data=_folder(on_host, "GALLEY_HOST_DATA") or data,
            host_outputs=_folder(on_host, "GALLEY_HOST_OUTPUTS") or outputs,
            host_notebooks=_folder(on_host, "GALLEY_HOST_NOTEBOOKS") or notebooks,
            stage_environment=tuple(given.get("GALLEY_STAGE_ENVIRONMENT", "").split()),
            airflow_port=_port(given, "GALLEY_AIRFLOW_PORT", 8080),
            mlflow_port=_port(given, "GALLEY_MLFLOW_PORT", 5000),
            lab_port=_port(given, "GALLEY_LAB_PORT", 8888),
        )


def warm_kernels(environment: Mapping[str, str] | None = None) -> bool:
    """Whether kernels are forked, for whoever starts one outside a project too. Raises SettingsError."""
    return _one_of(os.environ if environment is None else environment, "GALLEY_WARM_KERNELS", ("on", "off")) == "on"


def relative_name(path: Path, settings: Settings) -> str:
    """A path as evidence and messages name it: from data, outputs or notebooks on, the same on every machine."""
    # By their texts: a path of this machine and one in a bucket cannot be compared otherwise.
    for label in _ROOTS:
        root = str(getattr(settings, label))
        if f"{path}/".startswith(f"{root}/"):
            return label + str(path).removeprefix(root)
    return str(path)


def absolute_path(name: str, settings: Settings) -> Path:
    """Where the file of a `relative_name` is here."""
    label, _, rest = name.partition("/")
    return getattr(settings, label) / rest if label in _ROOTS else Path(name)


def _root(given: Mapping[str, str], name: str) -> Path | None:
    """A folder of this machine, or one in a bucket."""
    value = given.get(name, "")
    if value.startswith(bucket.SCHEME) and value.rstrip("/") != bucket.SCHEME.rstrip("/"):
        return bucket.place(value)
    if "://" in value:
        raise SettingsError(
            f"{name}={value!r} is no place for files. Give a folder's absolute path, or s3://bucket/folder."
        )
    return _folder(given, name)


def _database_in(data: Path) -> str:
    """MLflow's address where none is given: a file, which a bucket cannot hold."""
    if str(data).startswith(bucket.SCHEME):
        raise SettingsError(
            f"GALLEY_DATA={str(data)!r} is in a bucket, where MLflow's SQLite file cannot be. Set MLFLOW_TRACKING_URI "
            "to the address of a server."
        )
    return f"sqlite:///{data}/mlflow/mlflow.db"


def _folder(given: Mapping[str, str], name: str) -> Path | None:
    value = given.get(name)
    if not value:
        return None
    if not Path(value).is_absolute():
        raise SettingsError(f"{name}={value!r} is a relative path. Give an absolute one: tasks run in other folders.")
    return Path(value)


def _one_of(given: Mapping[str, str], name: str, choices: tuple[str, str]) -> str:
    """The value, which is the first of the two if it is not given."""
    value = given.get(name) or choices[0]
    if value not in choices:
        raise SettingsError(f"{name}={value!r} is neither. Give {' or '.join(choices)}.")
    return value


def _images(value: str) -> dict[str, str]:
    pairs = [pair.partition("=")[::2] for pair in value.split()]
    if not pairs or not all(kernel and image for kernel, image in pairs):
        raise SettingsError(f"GALLEY_IMAGES={value!r} names no image for a kernel. Give pairs, as in {_IMAGES}.")
    return dict(pairs)


def _url(given: Mapping[str, str], name: str) -> str:
    value = given.get(name, "").rstrip("/")
    if value and not value.startswith(("http://", "https://")):
        raise SettingsError(f"{name}={value!r} is no address of a page. Give one that begins with http:// or https://.")
    return value


def _port(given: Mapping[str, str], name: str, default: int) -> int:
    value = given.get(name) or str(default)
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise SettingsError(f"{name}={value!r} is no port. Give a number from 1 to 65535.")
    return int(value)
