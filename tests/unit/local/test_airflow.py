"""The embedded Airflow's configuration and environment, before anything is started."""

import configparser
import stat

import pytest

from galley.local import airflow
from galley.local.airflow import Airflow
from galley.settings import Settings


@pytest.fixture
def written(settings):
    """The configuration of an Airflow that runs by the clock, as it is on the disk."""
    Airflow(settings, port=8765, schedule=True)._write_configuration()
    file = settings.home / ".airflow" / "airflow.cfg"
    parser = configparser.ConfigParser()
    parser.read(file)
    return file, parser


def test_the_configuration_keeps_to_the_project_and_to_loopback(written, settings):
    _, parser = written
    assert parser["core"]["dags_folder"] == str(settings.home / "dags")
    assert parser["database"]["sql_alchemy_conn"] == f"sqlite:///{settings.home}/.airflow/airflow.db?timeout=60"
    assert parser["api"]["host"] == "127.0.0.1"
    assert parser["core"]["execution_api_server_url"] == "http://127.0.0.1:8765/execution/"


def test_the_api_server_gives_up_a_locked_database_soon(settings):
    # What holds the lock may be one of its own requests, which ends only after that.
    named = {service.name: service.environment for service in Airflow(settings, port=8765, schedule=True).services()}
    variable = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
    assert named["api-server"][variable] == f"sqlite:///{settings.home}/.airflow/airflow.db?timeout=1"
    assert not any(variable in named[name] for name in named if name != "api-server")


def test_the_configuration_holds_secrets_and_is_private(written):
    file, parser = written
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert all([parser["core"]["fernet_key"], parser["api"]["secret_key"], parser["api_auth"]["jwt_secret"]])


def test_a_percent_sign_in_a_path_survives(tmp_path):
    home = tmp_path / "100%"
    Airflow(Settings.from_environment({"GALLEY_HOME": str(home)}), port=1, schedule=False)._write_configuration()
    parser = configparser.ConfigParser()
    parser.read(home / ".airflow" / "airflow.cfg")
    assert parser["core"]["dags_folder"] == str(home / "dags")


def test_no_secret_is_in_the_environment_or_on_a_command_line(written, settings):
    _, parser = written
    secrets = [parser["core"]["fernet_key"], parser["api"]["secret_key"], parser["api_auth"]["jwt_secret"]]
    services = Airflow(settings, port=8765, schedule=True).services()
    shown = " ".join(text for service in services for text in [*service.command, *service.environment.values()])
    assert not [secret for secret in secrets if secret in shown]


def test_reviewers_of_the_settings_can_log_in_with_the_least_role_that_may_answer(tmp_path):
    settings = Settings.from_environment({"GALLEY_HOME": str(tmp_path), "GALLEY_REVIEWERS": "anna bela"})
    assert Airflow(settings, port=1, schedule=True).users == {"admin": "admin", "anna": "user", "bela": "user"}


def test_another_airflow_of_the_caller_is_left_out_of_the_environment(settings):
    given = {
        "AIRFLOW_HOME": "/elsewhere",
        "AIRFLOW_CONFIG": "/elsewhere/airflow.cfg",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW_VAR_MODEL_URI": "models/2026-11-23",
        "PATH": "/bin",
    }
    environment = airflow.environment_of(settings, given)
    assert environment["AIRFLOW_HOME"] == str(settings.home / ".airflow")
    assert environment["PATH"] == "/bin"
    assert environment["AIRFLOW_VAR_MODEL_URI"] == "models/2026-11-23"
    assert not {"AIRFLOW_CONFIG", "AIRFLOW__CORE__EXECUTOR"} & set(environment)


def test_the_scheduler_looks_often_and_as_often_as_the_caller_says(written, settings):
    _, parser = written
    assert parser["scheduler"].getfloat("scheduler_idle_sleep_time") < 1  # Airflow's default
    given = {"AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.7", "AIRFLOW__SCHEDULER__MAX_TIS_PER_QUERY": "1"}
    kept = {name for name in airflow.environment_of(settings, given) if name.startswith("AIRFLOW__")}
    assert kept == {"AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME"}


def test_a_proxy_of_the_caller_is_not_asked_for_loopback(settings):
    environment = airflow.environment_of(settings, {"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "example.org"})
    assert environment["NO_PROXY"].split(",") == ["example.org", "127.0.0.1", "localhost"]
