"""What the pod of a task may use: NotebookOperator says it, and Airflow's own code makes the pod."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pytest
import yaml
from airflow.providers.cncf.kubernetes.pod_generator import PodGenerator
from airflow.sdk import DAG
from airflow.serialization.serialized_objects import DagSerialization
from kubernetes.client import ApiClient
from kubernetes.client import models as k8s
from kubernetes_validate import validate

from galley.airflow import NotebookOperator
from galley.errors import SettingsError

VALUES = yaml.safe_load((Path(__file__).parents[2] / "deploy/kubernetes/values.yaml").read_text())
LIMITS = {"memory": "16g", "cpus": 1.5, "gpus": 1}
RESOURCES = {"memory": "16Gi", "cpu": "1500m", "nvidia.com/gpu": "1"}
EXECUTOR = "AIRFLOW__CORE__EXECUTOR"
CODE = """
import sys
from galley.airflow import NotebookOperator
task = NotebookOperator(task_id="train", input_nb="03_train.ipynb", **{arguments!r})
print("executor_config:", task.executor_config, "imported:", "kubernetes" in sys.modules)
"""


@pytest.fixture
def on_kubernetes(monkeypatch):
    """An Airflow that gives each task a pod of its own."""
    monkeypatch.setenv(EXECUTOR, "LocalExecutor,KubernetesExecutor")


def pod_of(task_of):
    """The pod that the executor makes for the task, which the scheduler knows from the database."""
    with DAG("train") as dag:
        task_of(task_id="train", input_nb="03_train.ipynb")
    (task,) = DagSerialization.from_dict(DagSerialization.to_dict(dag)).tasks
    template = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "template"},
        "spec": {"containers": [{"name": "base", "resources": VALUES["workers"]["kubernetes"]["resources"]}]},
    }
    made = PodGenerator.construct_pod(
        dag_id="train", task_id="train", pod_id="train-1", try_number=1, kube_image="galley", args=["run"],
        date=datetime(2026, 11, 23, tzinfo=UTC), pod_override_object=PodGenerator.from_obj(task.executor_config),
        base_worker_pod=PodGenerator.deserialize_model_dict(template), namespace="airflow", scheduler_job_id="1",
    )  # fmt: skip
    pod = ApiClient().sanitize_for_serialization(made)
    validate(pod, "1.37", strict=True)
    (container,) = pod["spec"]["containers"]
    return container


def stage(**arguments):
    return lambda **named: NotebookOperator(**named, **arguments)


def by_hand(**container):
    pod = k8s.V1Pod(spec=k8s.V1PodSpec(containers=[k8s.V1Container(name="base", **container)]))
    return {"pod_override": pod}


def test_a_pod_has_aside_and_may_use_what_the_operator_says(on_kubernetes):
    assert pod_of(stage(**LIMITS))["resources"] == {"requests": RESOURCES, "limits": RESOURCES}


def test_so_has_each_pod_of_a_mapped_task(on_kubernetes):
    def mapped(**named):
        NotebookOperator.partial(**named, **LIMITS).expand(parameters=[{"region": "north"}, {"region": "south"}])

    assert pod_of(mapped)["resources"] == {"requests": RESOURCES, "limits": RESOURCES}


@pytest.fixture
def project(tmp_path, monkeypatch):
    """One whose kernels have limits, and a stage of one of them."""
    (tmp_path / "galley.toml").write_text('[kernels.big]\nmemory = "4g"\ncpus = 2\n[kernels.bigger]\nmemory = "8g"\n')
    (tmp_path / "notebooks").mkdir()
    metadata = {"kernelspec": {"name": "big", "display_name": "big"}}
    nbformat.write(nbformat.v4.new_notebook(metadata=metadata), tmp_path / "notebooks" / "03_train.ipynb")
    monkeypatch.setenv("GALLEY_HOME", str(tmp_path))
    return tmp_path


def test_what_an_operator_leaves_out_is_what_galley_toml_says_of_the_kernel(on_kubernetes, project):
    def mapped(**named):
        NotebookOperator.partial(**named, cpus=1).expand(parameters=[{"region": "north"}])

    assert pod_of(stage())["resources"]["limits"] == {"memory": "4Gi", "cpu": "2000m"}
    assert pod_of(stage(cpus=1))["resources"]["limits"] == {"memory": "4Gi", "cpu": "1000m"}
    assert pod_of(stage(kernel_name="bigger"))["resources"]["limits"] == {"memory": "8Gi"}
    assert pod_of(mapped)["resources"]["limits"] == {"memory": "4Gi", "cpu": "1000m"}


@pytest.mark.parametrize("lost", ["galley.toml", "notebooks/03_train.ipynb"])
def test_where_project_or_notebook_is_not_there_the_dag_is_read_all_the_same(on_kubernetes, project, lost):
    (project / lost).unlink()
    assert pod_of(stage(memory="1g"))["resources"]["limits"] == {"memory": "1Gi"}


def test_without_limits_and_with_shm_alone_a_pod_has_what_the_chart_says(on_kubernetes):
    expected = VALUES["workers"]["kubernetes"]["resources"]
    assert pod_of(stage())["resources"] == expected
    assert pod_of(stage(shm="1g"))["resources"] == expected


def test_what_is_written_by_hand_wins_and_the_rest_is_added(on_kubernetes):
    image = pod_of(stage(executor_config=by_hand(image="galley-gpu"), memory="512m"))
    assert image["image"] == "galley-gpu"
    assert image["resources"]["limits"] == {"memory": "512Mi"}
    own = k8s.V1ResourceRequirements(limits={"memory": "3Gi"})
    assert pod_of(stage(executor_config=by_hand(resources=own), **LIMITS))["resources"] == {"limits": {"memory": "3Gi"}}


def test_so_does_what_the_dags_default_arguments_say(on_kubernetes):
    with DAG("train", default_args={"executor_config": by_hand(image="galley-gpu")}):
        task = NotebookOperator(task_id="train", input_nb="03_train.ipynb", memory="4g")
    (container,) = task.executor_config["pod_override"].spec.containers
    assert (container.image, container.resources.limits) == ("galley-gpu", {"memory": "4Gi"})


def test_a_limit_that_is_not_valid_is_refused_for_a_mapped_task_too(on_kubernetes):
    with pytest.raises(SettingsError, match=r"train: memory: 'much' is not a size, as in 512m or 4g"):
        NotebookOperator.partial(task_id="train", input_nb="03_train.ipynb", memory="much")


@pytest.mark.parametrize(("executor", "arguments"), [("LocalExecutor", LIMITS), ("KubernetesExecutor", {})])
def test_nothing_of_kubernetes_is_imported_where_no_pod_is_limited(executor, arguments, monkeypatch):
    monkeypatch.setenv(EXECUTOR, executor)
    command = [sys.executable, "-c", CODE.format(arguments=arguments)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "executor_config: {} imported: False" in said.splitlines()
