"""Settings: where things are and who is notified, read from the environment and refused when they make no sense."""

import os
import re
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galley.errors import SettingsError
from galley.storage import bucket
from galley.storage.stores import EXAMPLES, is_url

if TYPE_CHECKING:
    from galley.project import DeclaredModel, Project

ENVIRONMENT_PREFIX = "GALLEY_"
RUNNERS = ("local", "docker")
_ROOTS = ("data", "outputs", "notebooks")
_IMAGES = "workbench=galley-workbench data=galley-data-stage"
_PROJECT_FILE = "galley.toml"
_OF_A_CLUSTER = re.compile(r"GALLEY_\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_\w+)?)")
"""Variables that Kubernetes makes for each service whose name begins with galley."""
_ADDRESS_OF_A_SERVICE = ("tcp://", "udp://", "sctp://")


def find_home(start: Path) -> Path:
    """The nearest folder at or above `start` that holds galley.toml."""
    for folder in (start, *start.parents):
        if (folder / _PROJECT_FILE).is_file():
            return folder
    raise SettingsError(
        f"No {_PROJECT_FILE} found at or above {start}. Go to a project's folder, or set GALLEY_HOME to it."
    )


@dataclass(frozen=True)
class Settings:
    """One value per environment variable; each field's help is what docs and errors show."""

    home: Path = field(
        metadata={"env": "GALLEY_HOME", "help": "the project: what holds galley.toml, dags/ and notebooks/"}
    )
    project_file: Path = field(
        metadata={"env": "GALLEY_PROJECT", "help": "the file that declares the project's models"}
    )
    data: Path = field(
        metadata={
            "env": "GALLEY_DATA",
            "help": "what stages hand to each other, by day; or s3:// or gs://bucket/folder",
        }
    )
    outputs: Path = field(
        metadata={
            "env": "GALLEY_OUTPUTS",
            "help": "executed notebooks and decisions, by day; or s3:// or gs://bucket/folder",
        }
    )
    notebooks: Path = field(metadata={"env": "GALLEY_NOTEBOOKS", "help": "the stages: <dag_id>/NN_<stage>.ipynb"})
    keys: Path = field(metadata={"env": "GALLEY_KEYS", "help": "the public keys whose signatures are trusted"})
    tracking_uri: str = field(
        metadata={"env": "MLFLOW_TRACKING_URI", "help": "MLflow: a server's URL, or SQLite under data"}
    )
    model_name: str = field(
        metadata={"env": "GALLEY_MODEL", "help": "the declared model that is meant; empty: the DAG's, or the only one"}
    )
    reviewers: tuple[str, ...] = field(
        metadata={"env": "GALLEY_REVIEWERS", "help": "who may answer a review, space-separated user names"}
    )
    alert_urls: tuple[str, ...] = field(
        repr=False,
        metadata={
            "env": "GALLEY_ALERT_URLS",
            "help": "Apprise URLs or connections that alerts go to, space-separated",
        },
    )
    key_metrics: tuple[str, ...] = field(
        metadata={"env": "GALLEY_HEADLINES", "help": "the metrics that Reports follows, as stage.name, space-separated"}
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
    kernel_user: str = field(
        metadata={
            "env": "GALLEY_KERNEL_USER",
            "help": "local: the user that kernels of stages run as, by name or number; empty: who runs galley",
        }
    )
    runner: str = field(
        metadata={"env": "GALLEY_RUNNER", "help": "local: stages run in their task's process; docker: in containers"}
    )
    images: Mapping[str, str] = field(
        hash=False,  # a dict has none, and settings are part of keys
        metadata={"env": "GALLEY_IMAGES", "help": "docker: each kernel's image, as kernel=image, space-separated"},
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
    host_keys: Path = field(
        metadata={"env": "GALLEY_HOST_KEYS", "help": "docker: where the engine's machine has GALLEY_KEYS"}
    )
    stage_environment: tuple[str, ...] = field(
        metadata={
            "env": "GALLEY_STAGE_ENVIRONMENT",
            "help": "docker: variables that containers get beside galley's and MLFLOW_TRACKING_*, space-separated",
        }
    )
    airflow_port: int = field(metadata={"env": "GALLEY_AIRFLOW_PORT", "help": "Airflow's port on loopback"})
    mlflow_port: int = field(metadata={"env": "GALLEY_MLFLOW_PORT", "help": "MLflow's port on loopback"})
    lab_port: int = field(metadata={"env": "GALLEY_LAB_PORT", "help": "JupyterLab's port on loopback"})

    @classmethod
    def options(cls) -> dict[str, "Field[Any]"]:
        """The settings by their names in Airflow's configuration: the variables' own, in small and without GALLEY_."""
        return {each.metadata["env"].removeprefix(ENVIRONMENT_PREFIX).lower(): each for each in fields(cls)}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Read the environment.

        Raises SettingsError for a GALLEY_ variable that does not exist and for a value that cannot be one.
        """
        given = _without_services(os.environ if environment is None else environment)
        known = {f.metadata["env"] for f in fields(cls)}
        unknown = sorted(name for name in given if name.startswith(ENVIRONMENT_PREFIX) and name not in known)
        if unknown:
            raise SettingsError(
                f"{unknown[0]} is an unknown setting. Unset it, or use one of {', '.join(sorted(known))}."
            )
        home = _folder(given, "GALLEY_HOME") or find_home(Path.cwd())
        project_file = _folder(given, "GALLEY_PROJECT") or home / _PROJECT_FILE
        runner = _one_of(given, "GALLEY_RUNNER", RUNNERS)
        # Of no interest where no engine is asked, and compose sets them always.
        on_host = given if runner == "docker" else {}
        data, outputs, notebooks = (
            _root(given, f"GALLEY_{name.upper()}") or default
            for name, default in zip(_ROOTS, _declared_roots(home, project_file), strict=True)
        )
        keys = _folder(given, "GALLEY_KEYS") or home / "keys"
        return cls(
            home=home,
            project_file=project_file,
            data=data,
            outputs=outputs,
            notebooks=notebooks,
            keys=keys,
            tracking_uri=given.get("MLFLOW_TRACKING_URI") or _database_in(data),
            model_name=given.get("GALLEY_MODEL", ""),
            reviewers=tuple(given.get("GALLEY_REVIEWERS", "").split()),
            alert_urls=tuple(given.get("GALLEY_ALERT_URLS", "").split()),
            key_metrics=tuple(given.get("GALLEY_HEADLINES", "").split()),
            lab_url=_url(given, "GALLEY_LAB_URL"),
            mlflow_url=_url(given, "GALLEY_MLFLOW_URL"),
            warm_kernels=warm_kernels(given),
            kernel_user=given.get("GALLEY_KERNEL_USER", ""),
            runner=runner,
            images=_images(given.get("GALLEY_IMAGES") or _IMAGES),
            docker_host=given.get("DOCKER_HOST") or "unix:///var/run/docker.sock",
            network=given.get("GALLEY_NETWORK") or "bridge",
            host_data=_folder(on_host, "GALLEY_HOST_DATA") or data,
            host_outputs=_folder(on_host, "GALLEY_HOST_OUTPUTS") or outputs,
            host_notebooks=_folder(on_host, "GALLEY_HOST_NOTEBOOKS") or notebooks,
            host_keys=_folder(on_host, "GALLEY_HOST_KEYS") or keys,
            stage_environment=tuple(given.get("GALLEY_STAGE_ENVIRONMENT", "").split()),
            airflow_port=_port(given, "GALLEY_AIRFLOW_PORT", 8080),
            mlflow_port=_port(given, "GALLEY_MLFLOW_PORT", 5000),
            lab_port=_port(given, "GALLEY_LAB_PORT", 8888),
        )

    @cached_property
    def project(self) -> "Project":
        """What the project declares; without models where there is no galley.toml. Raises SettingsError."""
        from galley import project

        return project.read(self.project_file)

    @cached_property
    def model(self) -> "DeclaredModel":
        """The model that is meant. Raises SettingsError if there is none, or if it is not clear which one."""
        return self.project.model(self.model_name)

    @property
    def who_reviews(self) -> tuple[str, ...]:
        """Who may answer a review of the model, by user name; empty: anyone whom Airflow lets answer."""
        return self.reviewers or (self.model.policy.reviewers if self.project.models else ())

    def metrics_of(self, dag_id: str) -> tuple[str, ...]:
        """The metrics of a DAG that listings show, the first that it has; of all models for a DAG that has none."""
        model = self.project.model_of_dag(dag_id)
        models = [model] if model else self.project.models.values()
        return self.key_metrics or tuple(name for each in models for name in each.metrics)

    @property
    def model_data(self) -> Path:
        """The model's own folder of data: data itself, unless the model declares another."""
        folder = self.model.folder if self.project.models else ""
        return self.data / folder if folder else self.data

    def for_model(self, name: str = "", dag_id: str = "") -> "Settings":
        """The same for a declared model: by its name, or the one that the DAG belongs to.

        Where neither says, it stays what GALLEY_MODEL says, or the only one. Raises SettingsError.
        """
        found = self.project.model(name) if name else self.project.model_of_dag(dag_id)
        return replace(self, model_name=found.name) if found else self


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


def _without_services(given: Mapping[str, str]) -> dict[str, str]:
    """The environment without what Kubernetes puts there for services whose names begin as ours do."""
    return {
        name: value
        for name, value in given.items()
        if not (
            _OF_A_CLUSTER.fullmatch(name)
            and ("_SERVICE_" in name or "_PORT_" in name or value.startswith(_ADDRESS_OF_A_SERVICE))
        )
    }


def _declared_roots(home: Path, project_file: Path) -> tuple[Path, Path, Path]:
    """Data, outputs and notebooks where no variable says where they are."""
    if not project_file.is_file():
        return home / "data", home / "outputs", home / "notebooks"
    from galley import project

    declared = project.read(project_file).project
    data, outputs, notebooks = (
        bucket.place(text) if "://" in text else home / text
        for text in (declared.data, declared.outputs, declared.notebooks)
    )
    return data, outputs, notebooks


def _root(given: Mapping[str, str], name: str) -> Path | None:
    """A folder of this machine, or one in a bucket."""
    value = given.get(name, "")
    if is_url(value):
        return bucket.place(value)
    if "://" in value:
        raise SettingsError(f"{name}={value!r} is not a folder. Give an absolute path, or {EXAMPLES}.")
    return _folder(given, name)


def _database_in(data: Path) -> str:
    """MLflow's address where none is given: a file, which a bucket cannot hold."""
    if is_url(str(data)):
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
        raise SettingsError(f"{name}={value!r} must be {' or '.join(choices)}.")
    return value


def _images(value: str) -> dict[str, str]:
    pairs = [pair.partition("=")[::2] for pair in value.split()]
    if not pairs or not all(kernel and image for kernel, image in pairs):
        raise SettingsError(f"GALLEY_IMAGES={value!r} names no image for a kernel. Give pairs, as in {_IMAGES}.")
    return dict(pairs)


def _url(given: Mapping[str, str], name: str) -> str:
    value = given.get(name, "").rstrip("/")
    if value and not value.startswith(("http://", "https://")):
        raise SettingsError(
            f"{name}={value!r} is not the address of a page. Give one that begins with http:// or https://."
        )
    return value


def _port(given: Mapping[str, str], name: str, default: int) -> int:
    value = given.get(name) or str(default)
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise SettingsError(f"{name}={value!r} is not a valid port. Give a number from 1 to 65535.")
    return int(value)
