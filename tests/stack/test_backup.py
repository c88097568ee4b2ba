"""A backup of the stack: after everything else was lost, and in another folder."""

import shutil
import subprocess

import pytest
from conftest import WEEK, clone
from running import Stack

from galley.local.dotenv import OF_THE_DATA


def predicts_the_same(stack, before):
    """Whether the last day's predictions come again, by the champion that MLflow gives out."""
    predictions = stack.home / "data" / "predictions" / WEEK[-1] / "predictions.csv"
    assert predictions.read_bytes() == before
    assert stack.client().run("train_weekly", WEEK[-1]).state == "success"
    predictions.unlink()
    stack.again("predict_daily", WEEK[-1])
    stack.wait(predictions.exists, "predictions by the restored stack")
    assert predictions.read_bytes() == before


@pytest.fixture(scope="module")
def before(stack, week):
    """The predictions of the last day; a backup is made of them and of all else."""
    stack.exec("airflow-scheduler", "airflow", "connections", "add", "partner", "--conn-type=http", "--conn-password=x")
    stack.make("backup", "TO=backups/test")
    return (stack.home / "data" / "predictions" / WEEK[-1] / "predictions.csv").read_bytes()


def test_a_backup_works_in_another_folder_beside_the_first(stack, before, tmp_path):
    other = Stack(clone(tmp_path))
    try:
        said = other.make("restore", f"FROM={stack.home / 'backups' / 'test'}")
        assert "Taken from the backup into .env" in said
        assert "Used: a login, 1 connections and variables, galley/reports/" in said
        assert "the champion of flights-late, version" in said
        assert {name: other.settings[name] for name in OF_THE_DATA} == {
            name: stack.settings[name] for name in OF_THE_DATA
        }
        assert other.project != stack.project
        predicts_the_same(other, before)
        assert healths(stack) == {"healthy"}
    finally:
        other.remove()
    assert healths(stack) == {"healthy"}


def healths(stack):
    return {found["Health"] for found in stack.containers() if found["Service"] != "airflow-init"}


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("AIRFLOW__CORE__FERNET_KEY", "k5N0dNBCIBYMQSzKOE3EhwjIcPYeWThxTLsNYpbYrMg=", "AIRFLOW_FERNET_KEY is not"),
        ("MLFLOW_TRACKING_PASSWORD", "another", "The champion cannot be loaded: galley.errors.RegistryRefused"),
    ],
)
def test_what_cannot_be_used_is_said(stack, before, variable, value, said):
    command = ["docker", "compose", "exec", "-T", "-e", f"{variable}={value}", "airflow-scheduler"]
    done = subprocess.run(
        [*command, "deploy/airflow/smoke"],
        cwd=stack.home, input=stack.settings["VIEWER_PASSWORD"], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert said in done.stderr


def test_a_backup_brings_back_what_was_lost(stack, before):
    stack.docker("down", "--volumes", "--timeout", "10")
    for name in ("data", "outputs"):
        shutil.rmtree(stack.home / name)
        (stack.home / name).mkdir()
    stack.make("restore", "FROM=backups/test")
    predicts_the_same(stack, before)
