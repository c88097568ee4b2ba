"""What people open from the workbench environment: MLflow's user interface and JupyterLab."""

import os
from pathlib import Path

from galley.errors import SettingsError
from galley.handover import AD_HOC
from galley.kernels.user import KernelUser
from galley.local import ports
from galley.local.airflow import ENVIRONMENTS, environment_of
from galley.local.ports import LOOPBACK
from galley.local.services import Service
from galley.run.kernel_user import problem
from galley.settings import Settings
from galley.storage import files

PYTHON = ENVIRONMENTS / "workbench" / "bin" / "python"


def mlflow(settings: Settings) -> Service | None:
    """MLflow's server on the project's own SQLite file, or None where the settings name a server elsewhere.

    It is the user's that kernels run as, who write to that file too. Raises SettingsError if they cannot.
    """
    if not settings.tracking_uri.startswith("sqlite:///"):
        return None
    ports.require(settings.mlflow_port, "GALLEY_MLFLOW_PORT", "MLflow")
    store = Path(settings.tracking_uri.removeprefix("sqlite:///")).parent
    user = KernelUser.of(settings.kernel_user) if settings.kernel_user else None
    if not store.exists():
        store.mkdir(parents=True)
        if user is not None:
            user.give(store)
    if user is not None:
        for how, path in user.refused([("-x", PYTHON), ("-w", store)]):
            raise SettingsError(problem(user, settings, how, path))
    address = ["--host", LOOPBACK, "--port", str(settings.mlflow_port), "--workers", "1"]
    where = ["--backend-store-uri", settings.tracking_uri, "--default-artifact-root", (store / "artifacts").as_uri()]
    environment = environment_of(settings) | {
        # Without these it starts ten processes instead of two, and reports its use.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ALLOWED_HOSTS": "localhost:*,127.0.0.1:*",
    }
    if user is not None:
        environment = user.environment(environment)
    command = [str(PYTHON), "-m", "mlflow", "server", *address, *where]
    return Service("mlflow", command, environment, settings.home, user=user)


def lab() -> int:
    """Become JupyterLab on the notebooks, on loopback; it prints its address with a token, and Ctrl-C ends it.

    Its kernels write below .scratch, where they see what the schedule made through links. Not so in a bucket, which
    has none.
    """
    settings = Settings.from_environment()
    ports.require(settings.lab_port, "GALLEY_LAB_PORT", "JupyterLab")
    options = [
        f"--ServerApp.ip={LOOPBACK}",
        f"--ServerApp.port={settings.lab_port}",
        # Another port than the one that was asked for would be a surprise.
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={settings.notebooks}",
        # As in the stack: a run that is saved changes nothing that git sees.
        "--FileContentsManager.pre_save_hook=galley.notebooks.strip.before_save",
    ]
    environment = environment_of(settings) | {AD_HOC: "JupyterLab"}
    if not files.is_remote(settings.data) and not files.is_remote(settings.outputs):
        scratch = settings.home / ".scratch"
        options.append("--ServerApp.kernel_manager_class=galley.notebooks.scratch.ScratchKernelManager")
        for name, folder in (("data", settings.data), ("outputs", settings.outputs)):
            options.append(f"--ScratchKernelManager.mirrored={folder}={scratch / name}")
            environment[f"GALLEY_{name.upper()}"] = str(scratch / name)
        environment["MLFLOW_TRACKING_URI"] = settings.tracking_uri  # the schedule's, which is below its data
    if os.geteuid() == 0:
        # In a container everyone is root; who reaches loopback there is root already.
        options.append("--allow-root")
    command = [str(PYTHON), "-m", "jupyterlab", *options]
    os.execve(PYTHON, command, environment)  # noqa: S606  (no shell is what is wanted)
