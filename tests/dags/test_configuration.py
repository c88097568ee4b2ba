"""Settings of galley that are in Airflow's own configuration, as where nobody can set variables of other names."""

import json
import os
import subprocess
import sys

import airflow
import nbformat
import pytest
from airflow.configuration import conf

from galley.airflow import configuration
from galley.airflow.provider import get_provider_info
from galley.errors import SettingsError
from galley.settings import Settings

KNOWS_OPTIONS = pytest.mark.skipif(
    airflow.__version__.startswith("3.1."), reason="Airflow 3.1 takes no configuration from providers"
)
STAGE = """
import json
from types import SimpleNamespace
from galley.airflow import NotebookOperator

ti = SimpleNamespace(dag_id="train", task_id="a", run_id="r", map_index=-1, try_number=1, log_url="", xcom_push=print)
task = NotebookOperator(task_id="a", input_nb="train/01_a.ipynb", parameters={"ds": "2026-11-23"})
print(json.dumps(task.execute({"ti": ti, "task_instance": ti})))
"""


@pytest.fixture
def project(tmp_path):
    """A project somewhere, with a stage that concludes which settings its kernel has."""
    cells = [
        nbformat.v4.new_code_cell("ds: str = None  # the day", metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("import os\nfrom galley import Stage\nstage = Stage(ds)"),
        nbformat.v4.new_code_cell(
            "stage.conclude(**{name: value for name, value in os.environ.items()"
            " if name.startswith(('GALLEY_', 'AIRFLOW', 'MLFLOW_TRACKING'))},"
            " outputs=str(stage.day.settings.outputs))"
        ),
    ]
    kernelspec = {"name": "data", "display_name": "galley data", "language": "python"}
    path = tmp_path / "project/notebooks/train/01_a.ipynb"
    path.parent.mkdir(parents=True)
    (tmp_path / "project/galley.toml").touch()
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernelspec}), path)
    return tmp_path / "project"


def test_a_stage_has_the_settings_of_airflows_configuration_file_but_no_secret_of_it(project, tmp_path):
    outputs = tmp_path / "elsewhere"
    (tmp_path / "airflow").mkdir()
    (tmp_path / "airflow/airflow.cfg").write_text(
        f"[galley]\nhome = {project}\noutputs = {outputs}\nwarm_kernels = off\n"
        "mlflow_tracking_uri = http://mlflow.example.org\nalert_urls = json://ada:hunter2@example.org/%%20\n"
    )
    foreign = ("GALLEY_", "AIRFLOW", "MLFLOW")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    told = subprocess.run(
        [sys.executable, "-c", STAGE], env=environment | {"AIRFLOW_HOME": str(tmp_path / "airflow")}, cwd=tmp_path,
        capture_output=True, text=True,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    concluded = json.loads(told.stdout.splitlines()[-1])
    assert concluded.pop("outputs") == concluded.pop("GALLEY_OUTPUTS") == str(outputs)
    assert concluded.pop("GALLEY_HOME") == str(project)
    assert concluded.pop("MLFLOW_TRACKING_URI") == "http://mlflow.example.org"
    assert concluded.pop("GALLEY_WARM_KERNELS") == "off"
    assert "was forked" not in told.stdout + told.stderr
    assert not [name for name in concluded if name.startswith("AIRFLOW") or "hunter2" in concluded[name]]
    assert (outputs / "2026-11-23/train/01_a.html").is_file()


@pytest.fixture
def unset(monkeypatch):
    """No variable of these is set, as far as settings go; and what the configuration makes of them is forgotten."""
    for option in ("HOME", "OUTPUTS", "REVIEWERS", "ALERT_URLS"):
        monkeypatch.setenv(f"GALLEY_{option}", "")
    monkeypatch.setenv("AIRFLOW__GALLEY__HOME", "/srv/project")


def test_a_variable_of_galleys_wins_over_the_configuration(unset, monkeypatch):
    monkeypatch.setenv("AIRFLOW__GALLEY__OUTPUTS", "/srv/outputs")
    monkeypatch.setenv("AIRFLOW__GALLEY__REVIEWERS", "ada grace")
    monkeypatch.setenv("GALLEY_REVIEWERS", "joan")
    settings = configuration.settings()
    assert (str(settings.home), str(settings.outputs), settings.reviewers) == (
        "/srv/project",
        "/srv/outputs",
        ("joan",),
    )


@KNOWS_OPTIONS
def test_where_alerts_go_may_be_what_a_command_prints(unset, monkeypatch):
    monkeypatch.setenv("AIRFLOW__GALLEY__ALERT_URLS_CMD", "echo json://127.0.0.1:1/a json://127.0.0.1:1/b")
    assert configuration.settings().alert_urls == ("json://127.0.0.1:1/a", "json://127.0.0.1:1/b")


def test_a_command_that_gives_nothing_or_is_not_read_is_refused_and_not_left_out(unset, monkeypatch):
    monkeypatch.setenv("AIRFLOW__GALLEY__ALERT_URLS_CMD", "true")
    with pytest.raises(SettingsError, match=r"alert_urls in \[galley\] .* is empty: .* or GALLEY_ALERT_URLS"):
        configuration.settings()


def test_an_option_that_there_is_not_is_refused_with_those_that_there_are(unset, monkeypatch):
    monkeypatch.setenv("AIRFLOW__GALLEY__OUTPUT", "/srv/outputs")
    with pytest.raises(SettingsError, match=r"output in \[galley\] of Airflow's .* is an unknown .* outputs"):
        configuration.settings()


def test_a_value_that_makes_no_sense_is_refused_with_where_it_is_each_time(unset, monkeypatch):
    monkeypatch.setenv("AIRFLOW__GALLEY__OUTPUTS", "outputs")
    for _ in range(2):
        with pytest.raises(SettingsError, match=r"GALLEY_OUTPUTS='outputs' .* gives .*GALLEY_OUTPUTS, in \[galley\]"):
            configuration.settings()


@KNOWS_OPTIONS
def test_airflow_knows_the_options_and_which_one_holds_secrets():
    declared = get_provider_info()["config"]["galley"]["options"]
    known = conf.configuration_description["galley"]["options"]
    assert known.keys() == declared.keys() == Settings.options().keys()
    assert {name for name, option in declared.items() if option["sensitive"]} == {"alert_urls"}
    assert ("galley", "alert_urls") in conf.sensitive_config_values
