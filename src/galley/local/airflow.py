"""The embedded Airflow: its home inside the project, its configuration, its processes."""

import configparser
import importlib.metadata
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from galley.local import credentials, signing
from galley.local.credentials import Secrets
from galley.local.errors import AirflowError
from galley.local.ports import LOOPBACK
from galley.local.services import Service, last_lines
from galley.settings import Settings

ENVIRONMENTS = Path(sys.prefix).parent
"""Where the environments are: beside the one that this runs in."""

ADMIN = "admin"
DEMONSTRATION_REVIEWER = "reviewer"

IDLE_SLEEP = "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME"
"""The variable for the scheduler's sleep between two looks, the one setting of Airflow that the caller may have set."""


@dataclass(frozen=True)
class Airflow:
    """One Airflow on SQLite, whose home is `.airflow` in the project and whose port is on loopback.

    `schedule` says whether DAGs run by the clock, or only when they are asked to.
    """

    settings: Settings
    port: int
    schedule: bool

    @property
    def home(self) -> Path:
        """Everything of this Airflow: database, configuration, secrets, logs. Deleting it starts afresh."""
        return airflow_home(self.settings)

    @property
    def url(self) -> str:
        """Where its UI and API are."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def password_file(self) -> Path:
        """The passwords of its users, in SimpleAuthManager's format."""
        return self.home / "passwords.json"

    @property
    def connections(self) -> Path:
        """Its connections: the key that answers to reviews are signed with."""
        return self.home / "connections.json"

    @property
    def users(self) -> dict[str, str]:
        """Who can log in, with which role. `user` is the least role that may answer a review."""
        return {ADMIN: "admin"} | {name: "user" for name in reviewers(self.settings) if name != ADMIN}

    def passwords(self) -> dict[str, str]:
        """The password of each user; generated if there is none yet."""
        return credentials.passwords(self.password_file, list(self.users))

    def prepare(self) -> None:
        """Write the configuration, and bring the database to this version of Airflow if it is not there yet.

        Nobody else may enter its home or read its database, one from before included.
        """
        credentials.make_private(self.home)
        self.passwords()
        signing.prepare(self.settings, self.connections)
        self._write_configuration()
        version = importlib.metadata.version("apache-airflow-core")
        stamp = self.home / "migrated-to"
        database_is_current = database(self.settings).exists() and stamp.exists() and stamp.read_text() == version
        if not database_is_current:
            self._migrate()
            stamp.write_text(version)

    def services(self) -> list[Service]:
        """What makes an Airflow, in the order to start it: the others report to the API server."""
        commands = {
            "api-server": _airflow("api-server", "--host", LOOPBACK, "--port", str(self.port), "--workers", "1"),
            # Logs are read from the files: their servers would listen on every interface.
            "scheduler": _airflow("scheduler", "--skip-serve-logs"),
            "dag-processor": [sys.executable, "-m", "galley.airflow.dag_processor"],
            "triggerer": _airflow("triggerer", "--skip-serve-logs"),
        }
        lab = self.settings.lab_url or f"http://{LOOPBACK}:{self.settings.lab_port}"  # which `make lab` starts
        environment = environment_of(self.settings) | {"GALLEY_LAB_URL": lab}
        # Its event loop waits for the lock while a request that has it waits for the loop: the sooner it gives up, the
        # better. Who asked tries again, tasks as Airflow's client does.
        own = {"api-server": {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": self._connection(timeout=1)}}
        # The triggerer now and then takes ten seconds to end, and has nothing to lose: what waits is in the database.
        graces = {"triggerer": 3.0}
        return [
            Service(name, command, environment | own.get(name, {}), self.settings.home, graces.get(name, 20.0))
            for name, command in commands.items()
        ]

    def _connection(self, timeout: int) -> str:
        """The database's address, for whoever waits so many seconds for its lock."""
        return f"sqlite:///{database(self.settings)}?timeout={timeout}"

    def _write_configuration(self) -> None:
        secrets = Secrets.of(self.home / "secrets.json")
        # Interpolation stays on as Airflow's own parser has it; a percent sign in a path is doubled for it.
        parser = configparser.ConfigParser(interpolation=None)
        for section, options in self._configuration(secrets).items():
            parser[section] = {name: str(value).replace("%", "%%") for name, value in options.items()}
        text = io.StringIO()
        parser.write(text)
        # A file and not variables: a notebook that prints its environment cannot print these.
        credentials.write_private(self.home / "airflow.cfg", text.getvalue())

    def _configuration(self, secrets: Secrets) -> dict[str, dict[str, object]]:
        return {
            "core": {
                "dags_folder": self.settings.home / "dags",
                "plugins_folder": self.home / "plugins",
                "executor": "galley.airflow.executor.StageExecutor",
                # Each is a process that waits: the default is 32 of them.
                "parallelism": 4,
                "load_examples": False,
                "fernet_key": secrets.fernet_key,
                "execution_api_server_url": f"{self.url}/execution/",
                "simple_auth_manager_users": ",".join(f"{name}:{role}" for name, role in self.users.items()),
                "simple_auth_manager_passwords_file": self.password_file,
                # The first import of a DAG on a cold, busy machine takes longer than the default of 30 seconds.
                "dagbag_import_timeout": 120,
            },
            # SQLite has one writer at a time: on a busy machine the others wait for longer than its five seconds.
            "database": {"sql_alchemy_conn": self._connection(timeout=60)},
            "logging": {
                "base_log_folder": self.home / "logs",
                "colored_console_log": False,
                "uvicorn_logging_level": "WARNING",
            },
            "dag_processor": {
                "dag_file_processor_timeout": 180,
                # Someone who edits a DAG wants to see it; while nobody does, each look costs seconds of a core.
                "refresh_interval": 15,
                # A file that changed is read at the next look all the same.
                "min_file_process_interval": 120 if self.schedule else 3600,
            },
            "scheduler": {
                "use_job_schedule": self.schedule,
                # A finished task's successor is queued at the next look; the default is a second (docs/benchmarks.md).
                "scheduler_idle_sleep_time": 0.5,
                # What a killed scheduler left running is taken up again this soon; the default is five minutes.
                "orphaned_tasks_check_interval": 30,
            },
            "api": {
                "host": LOOPBACK,
                "port": self.port,
                "base_url": self.url,
                "secret_key": secrets.api_secret_key,
                "instance_name": "galley",
            },
            "secrets": {
                "backend": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
                "backend_kwargs": json.dumps({"connections_file_path": str(self.connections)}),
            },
            "api_auth": {"jwt_secret": secrets.jwt_secret},
        }

    def _migrate(self) -> None:
        log = self.home / "logs" / "services" / "db-migrate.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as stream:
            done = subprocess.run(
                _airflow("db", "migrate"),
                env=environment_of(self.settings),
                cwd=self.settings.home,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                umask=credentials.PRIVATE,
                check=False,
            )
        if done.returncode != 0:
            raise AirflowError(
                f"`airflow db migrate` ended with exit code {done.returncode}. Its last lines:\n{last_lines(log)}\n"
                f"If {database(self.settings)} is damaged, delete {self.home}: data and reports stay."
            )


def airflow_home(settings: Settings) -> Path:
    """Where the embedded Airflow of a project lives."""
    return settings.home / ".airflow"


def database(settings: Settings) -> Path:
    """The SQLite file of the embedded Airflow."""
    return airflow_home(settings) / "airflow.db"


def reviewers(settings: Settings) -> tuple[str, ...]:
    """Who can log in to answer a review: those whom settings or policies name, or one for the demonstration."""
    declared = [name for model in settings.project.models.values() for name in model.policy.reviewers]
    return settings.reviewers or tuple(dict.fromkeys(declared)) or (DEMONSTRATION_REVIEWER,)


def environment_of(settings: Settings, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a service: the caller's, with the project's places, without another Airflow's settings."""
    inherited = dict(os.environ if given is None else given)
    foreign = ("AIRFLOW__", "AIRFLOW_HOME", "AIRFLOW_CONFIG")
    kept = {name: value for name, value in inherited.items() if name == IDLE_SLEEP or not name.startswith(foreign)}
    # Services talk to each other on loopback, where a proxy of the caller's would be in the way.
    no_proxy = ",".join(filter(None, [inherited.get("NO_PROXY") or inherited.get("no_proxy"), LOOPBACK, "localhost"]))
    return kept | {
        "AIRFLOW_HOME": str(airflow_home(settings)),
        "GALLEY_HOME": str(settings.home),
        "GALLEY_DATA": str(settings.data),
        "GALLEY_OUTPUTS": str(settings.outputs),
        "GALLEY_NOTEBOOKS": str(settings.notebooks),
        "GALLEY_KEYS": str(settings.keys),
        "JUPYTER_PATH": inherited.get("JUPYTER_PATH") or str(ENVIRONMENTS / "jupyter"),
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PYTHONUNBUFFERED": "1",
    }


def _airflow(*words: str) -> list[str]:
    return [sys.executable, "-m", "airflow", *words]
