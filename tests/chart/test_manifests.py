"""What is deployed on Kubernetes is valid by its API's own schemas: MLflow's manifests, and those of Airflow's chart.

The chart is its project's to download; CHART names the archive, or a folder: make chart-test CHART=airflow-1.22.0.tgz
"""

import os
from pathlib import Path

import pytest
import yaml
from helm_python import Chart
from kubernetes_validate import validate

DEPLOYED = Path(__file__).parents[2] / "deploy/kubernetes"
VALUES = yaml.safe_load((DEPLOYED / "values.yaml").read_text())
API = ["1.31", "1.37"]
SINCE_THE_SCHEMA = {"enableServiceLinks"}
"""Keys of release 1.22 that archives of it from before the release do not have."""


@pytest.fixture(scope="session")
def chart():
    """Airflow's chart."""
    if not os.environ.get("CHART"):
        pytest.skip("No CHART is named. Download airflow-1.22.0.tgz, and name it: make chart-test CHART=<path>")
    return Chart.load(os.environ["CHART"])


@pytest.fixture(scope="session")
def manifests(chart):
    """What the chart makes of the values, with the template of the tasks' pods."""
    rendered = chart.render(VALUES, name="airflow", namespace="galley")
    texts = [text for name, text in rendered.items() if name.endswith(".yaml")]
    made = [manifest for text in texts for manifest in yaml.safe_load_all(text) if manifest]
    (template,) = (one["data"]["pod_template_file.yaml"] for one in made if named(one) == "ConfigMap airflow-config")
    return [*made, yaml.safe_load(template)]


def named(manifest):
    return f"{manifest['kind']} {manifest['metadata']['name']}"


def pods(manifests):
    """The specification of each pod that a manifest asks for, by the manifest's name."""
    for manifest in manifests:
        spec = manifest.get("spec", {})
        spec = spec.get("jobTemplate", {}).get("spec", spec)
        if manifest["kind"] == "Pod" or "template" in spec:
            yield named(manifest), spec["template"]["spec"] if "template" in spec else spec


@pytest.mark.parametrize("version", API)
def test_mlflows_manifests_are_valid(version):
    for manifest in yaml.safe_load_all((DEPLOYED / "mlflow.yaml").read_text()):
        validate(manifest, version, strict=True)


def test_the_chart_knows_every_value(chart):
    chart.validate_schema(VALUES)
    # At the top the schema takes any key.
    assert set(VALUES) - set(chart.schema["properties"]) <= SINCE_THE_SCHEMA


@pytest.mark.parametrize("version", API)
def test_what_the_chart_makes_is_valid(manifests, version):
    for manifest in manifests:
        validate(manifest, version, strict=True)


def test_every_container_is_of_our_image_and_asks_for_what_it_needs(manifests):
    image = f"{VALUES['defaultAirflowRepository']}:{VALUES['defaultAirflowTag']}"
    for name, pod in pods(manifests):
        assert {container["image"] for container in pod["containers"]} == {image}, name
        assert name.startswith("Job ") or all("requests" in one["resources"] for one in pod["containers"]), name


def test_tasks_are_an_account_of_their_own_that_has_no_token(manifests):
    (pod,) = (pod for name, pod in pods(manifests) if name.startswith("Pod "))
    (account,) = (one for one in manifests if named(one) == f"ServiceAccount {pod['serviceAccountName']}")
    assert account["automountServiceAccountToken"] is False
    bound = [subject["name"] for one in manifests for subject in one.get("subjects", [])]
    assert account["metadata"]["name"] not in bound


def test_the_database_and_logs_are_cleaned_by_the_stacks_own_command(manifests):
    (cleaning,) = (pod for name, pod in pods(manifests) if name == "CronJob airflow-database-cleanup")
    (container,) = cleaning["containers"]
    assert container["args"] == ["deploy/airflow/clean", "365"]
    assert "/shared" in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_people_come_in_over_tls(manifests):
    (ingress,) = (one for one in manifests if one["kind"] == "Ingress")
    host = VALUES["config"]["api"]["base_url"].removeprefix("https://")
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == [host]
    assert ingress["spec"]["tls"] == [{"hosts": [host], "secretName": "galley-tls"}]
