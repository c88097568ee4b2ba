"""Trains with Airflow's own DockerOperator: each stage is `galley execute` in a container, of its own dependencies.

**Steps.** `generate` brings the day's flights, in the image of the kernel data. `prepare`, `split`, `train` and
`validate` are the stages of `train_weekly`, in that of the workbench. Their records are where the project's own DAGs
leave them.

**What it takes.** `apache-airflow-providers-docker`, which galley does not ask for. The engine's own socket: the
stack's filter does not let through what this operator asks. GALLEY_IMAGES, and in GALLEY_HOST_DATA, GALLEY_HOST_OUTPUTS
and GALLEY_HOST_NOTEBOOKS what the engine's machine calls the project's folders.

**What it lacks** beside NotebookOperator, docs/containers.md says. No review follows here: a ReviewOperator asks about
reports that the tasks before it vouch for, and these do not.
"""

import os
from datetime import UTC, datetime

from airflow.providers.docker.operators.docker import DockerOperator
from airflow.sdk import DAG, chain
from docker.types import Mount

from galley.airflow import DEFAULT_ARGS, DS

FOLDERS = {
    "GALLEY_HOST_DATA": "/data",
    "GALLEY_HOST_OUTPUTS": "/outputs",
    "GALLEY_HOST_NOTEBOOKS": "/opt/galley/notebooks",
}
IMAGES = dict(pair.split("=") for pair in os.environ["GALLEY_IMAGES"].split())


def stage(task_id: str, notebook: str, kernel: str = "workbench") -> DockerOperator:
    """A notebook that runs as a stage in a container of its kernel's image."""
    return DockerOperator(
        task_id=task_id,
        image=IMAGES[kernel],
        command=["galley", "execute", notebook, "--ds", DS],
        mounts=[Mount(inside, os.environ[host], type="bind") for host, inside in FOLDERS.items()],
        environment={"GALLEY_WARM_KERNELS": "off"},
        user=f"{os.getuid()}:{os.getgid()}",
        auto_remove="force",
        mount_tmp_dir=False,
    )


with DAG(
    dag_id="docker_operator",
    doc_md=__doc__,
    schedule="@weekly",
    start_date=datetime(2013, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args=DEFAULT_ARGS,
    tags=["galley"],
):
    chain(
        stage("generate", "generate_data/01_generate.ipynb", kernel="data"),
        stage("prepare", "train_weekly/01_prepare.ipynb"),
        stage("split", "train_weekly/02_split.ipynb"),
        stage("train", "train_weekly/03_train.ipynb"),
        stage("validate", "train_weekly/04_validate.ipynb"),
    )
