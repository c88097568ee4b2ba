"""The example with Airflow's own DockerOperator, run by an Airflow that has its provider besides."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT

PROVIDER = "apache-airflow-providers-docker==4.6.1"
DS = "2026-10-13"
STAGES = {
    "generate_data/01_generate": "data",
    "train_weekly/01_prepare": "workbench",
    "train_weekly/02_split": "workbench",
    "train_weekly/03_train": "workbench",
    "train_weekly/04_validate": "workbench",
}


@pytest.fixture
def airflow(engine, build, tmp_path):
    """Runs Airflow's command in a home of its own."""
    install = [ROOT / ".uv/bin/uv", "pip", "install", "--quiet", "--no-deps", "--python", sys.executable]
    subprocess.run([*install, "--target", tmp_path / "provider", PROVIDER], check=True)
    for name in ("data", "outputs"):
        (tmp_path / name).mkdir()
    environment = os.environ | {
        "PYTHONPATH": str(tmp_path / "provider"),
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "examples"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "GALLEY_HOME": str(ROOT),
        "GALLEY_HOST_DATA": str(tmp_path / "data"),
        "GALLEY_HOST_OUTPUTS": str(tmp_path / "outputs"),
        "GALLEY_HOST_NOTEBOOKS": str(ROOT / "notebooks"),
        "GALLEY_IMAGES": f"data={build('data-stage')} workbench={build('workbench')}",
    }

    def run(*words):
        command = [sys.executable, "-m", "airflow", *words]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]

    return run


def test_airflows_own_operator_runs_each_stage_in_its_image_from_the_days_data_to_a_model(airflow, tmp_path):
    airflow("db", "migrate")
    airflow("dags", "test", "docker_operator", DS)
    records = {}
    for stage in STAGES:
        notebook = json.loads((tmp_path / "outputs" / DS / f"{stage}.ipynb").read_text())
        records[stage] = notebook["metadata"]["galley"]
    assert {record["end"]["state"] for record in records.values()} == {"completed"}
    assert {stage: record["kernel"]["name"] for stage, record in records.items()} == STAGES
    assert (tmp_path / "data/models" / DS / "MLmodel").is_file()
    assert "validate" in json.loads((tmp_path / "outputs" / DS / "train_weekly/metrics.json").read_text())
