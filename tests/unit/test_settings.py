"""Settings refuse nonsense, and do not give away what is private when they are shown."""

import pytest

from galley.errors import SettingsError
from galley.settings import Settings, absolute_path, find_home, relative_name


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"GALLEY_OUTPUT": "/x"}, r"GALLEY_OUTPUT is an unknown setting.*GALLEY_OUTPUTS"),
        ({"GALLEY_DATA": "data"}, "GALLEY_DATA='data' is a relative path"),
        ({"GALLEY_OUTPUTS": "./outputs"}, "relative path"),
        ({"GALLEY_AIRFLOW_PORT": "http"}, "GALLEY_AIRFLOW_PORT='http' is not a valid port"),
        ({"GALLEY_MLFLOW_PORT": "0"}, "not a valid port"),
        ({"GALLEY_LAB_PORT": "65536"}, "from 1 to 65535"),
        ({"GALLEY_LAB_PORT": "-1"}, "not a valid port"),
        ({"GALLEY_LAB_URL": "javascript:alert(1)"}, "not the address of a page"),
        ({"GALLEY_RUNNER": "podman"}, "GALLEY_RUNNER='podman' must be local or docker"),
        ({"GALLEY_IMAGES": "workbench"}, "GALLEY_IMAGES='workbench' names no image"),
        ({"GALLEY_RUNNER": "docker", "GALLEY_HOST_DATA": "./data"}, "GALLEY_HOST_DATA='./data' is a relative path"),
        ({"GALLEY_MLFLOW_URL": "mlflow:5000"}, "not the address of a page"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name(environment, said):
    with pytest.raises(SettingsError, match=said):
        Settings.from_environment({"GALLEY_HOME": "/home", **environment})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GALLEY_AIRFLOW_SERVICE_HOST", "10.0.0.7"),
        ("GALLEY_AIRFLOW_SERVICE_PORT", "8080"),
        ("GALLEY_AIRFLOW_SERVICE_PORT_API", "8080"),
        ("GALLEY_AIRFLOW_PORT", "tcp://10.0.0.7:8080"),
        ("GALLEY_AIRFLOW_PORT_8080_TCP_ADDR", "10.0.0.7"),
        ("GALLEY_POSTGRESQL_PORT", "tcp://10.0.0.8:5432"),
    ],
)
def test_what_kubernetes_makes_of_services_is_no_setting(name, value):
    assert Settings.from_environment({"GALLEY_HOME": "/h", name: value}).airflow_port == 8080


def test_an_empty_variable_counts_as_unset():
    empty = {"GALLEY_DATA": "", "GALLEY_AIRFLOW_PORT": ""}
    assert Settings.from_environment({"GALLEY_HOME": "/h", **empty}) == Settings.from_environment({"GALLEY_HOME": "/h"})


def test_settings_that_are_shown_do_not_show_where_alerts_go():
    settings = Settings.from_environment({"GALLEY_HOME": "/h", "GALLEY_ALERT_URLS": "mailto://ada:hunter2@example.org"})
    assert settings.alert_urls == ("mailto://ada:hunter2@example.org",)
    assert "hunter2" not in repr(settings)


def test_home_is_the_nearest_folder_that_is_a_project(tmp_path):
    below = tmp_path / "project/notebooks/train"
    below.mkdir(parents=True)
    with pytest.raises(SettingsError, match="GALLEY_HOME"):
        find_home(below)
    (tmp_path / "project/galley.toml").touch()
    assert find_home(below) == tmp_path / "project"


def test_a_file_is_named_the_same_on_every_machine(settings):
    for path in (settings.data / "raw/x.csv", settings.outputs / "größe", settings.notebooks / "a/b.ipynb"):
        name = relative_name(path, settings)
        assert not name.startswith("/")
        assert absolute_path(name, settings) == path


def test_settings_can_be_part_of_a_key(tmp_path):
    one, same = (Settings.from_environment({"GALLEY_HOME": str(tmp_path)}) for _ in "ab")
    assert {one: 1}[same] == 1
