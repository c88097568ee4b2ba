"""What is deployed on Kubernetes agrees with the project, and with its page."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from galley.settings import Settings

HOME = Path(__file__).parents[2]
VALUES = yaml.safe_load((HOME / "deploy/kubernetes/values.yaml").read_text())
MLFLOW = {made["kind"]: made for made in yaml.safe_load_all((HOME / "deploy/kubernetes/mlflow.yaml").read_text())}
POD = MLFLOW["Deployment"]["spec"]["template"]["spec"]
PAGE = (HOME / "docs/kubernetes.md").read_text()


def test_the_chart_is_told_the_airflow_of_the_lock():
    locked = {package["name"]: package for package in tomllib.loads((HOME / "uv.lock").read_text())["package"]}
    assert locked["apache-airflow"]["version"] == VALUES["airflowVersion"]


def test_pods_get_settings_that_galley_has():
    known = {field.metadata["env"] for field in fields(Settings)}
    given = {variable["name"] for variable in VALUES["env"] if variable["name"].startswith("GALLEY_")}
    assert given
    assert given <= known


def test_every_pod_runs_the_one_image_as_its_user():
    image = f"{VALUES['defaultAirflowRepository']}:{VALUES['defaultAirflowTag']}"
    assert [container["image"] for container in POD["containers"]] == [image]
    assert f"-t {image} ." in PAGE
    assert VALUES["securityContexts"]["pod"] == POD["securityContext"]
    user, group = re.search(r"^USER (\d+):(\d+)$", (HOME / "Dockerfile").read_text(), re.MULTILINE).groups()
    assert (VALUES["uid"], VALUES["gid"]) == (int(user), int(group))
    assert (POD["securityContext"]["runAsUser"], POD["securityContext"]["runAsGroup"]) == (int(user), int(group))


def test_the_page_names_the_secrets_and_keys_that_pods_ask_for():
    chart_names = {
        VALUES["fernetKeySecretName"]: {"fernet-key"},
        VALUES["apiSecretKeySecretName"]: {"api-secret-key"},
        VALUES["jwtSecretName"]: {"jwt-secret"},
        VALUES["data"]["metadataSecretName"]: {"connection"},
        MLFLOW["Ingress"]["spec"]["tls"][0]["secretName"]: {"tls.crt", "tls.key"},
    }
    asked = [(secret["secretName"], secret["secretKey"]) for secret in VALUES["secret"]]
    variables = VALUES["createUserJob"]["env"] + VALUES["apiServer"]["env"] + POD["containers"][0]["env"]
    references = [variable["valueFrom"]["secretKeyRef"] for variable in variables if "valueFrom" in variable]
    for name, key in asked + [(reference["name"], reference["key"]) for reference in references]:
        chart_names.setdefault(name, set()).add(key)
    named = {
        name: set(re.sub(r":[^,|]*", "", keys).strip().split(", "))
        for name, keys in re.findall(r"^ *\| `(galley-[\w-]+)` \| (.+) \|$", PAGE, re.MULTILINE)
    }
    assert named == chart_names


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.dockerignore"])
def test_the_image_brings_what_pods_call(name):
    text = (HOME / "deploy/kubernetes" / name).read_text()
    for folder in ("dags", "deploy/airflow", "deploy/mlflow", "keys", "notebooks"):
        assert re.search(rf"^(COPY |!){folder}\b", text, re.MULTILINE)


def test_users_are_made_by_the_compose_stacks_script_with_its_roles():
    assert VALUES["createUserJob"]["args"] == ["python", "deploy/airflow/users.py"]
    assert "role_permissions(manager)" in (HOME / "deploy/airflow/users.py").read_text()
    assert VALUES["config"]["core"]["auth_manager"] == "galley.airflow.access.GalleyAuthManager"
