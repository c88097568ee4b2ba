"""A backup of the stack, after everything else was lost. In another folder it is in test_tls.py."""

import shutil
import subprocess

import pytest
from conftest import predicts_the_same


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("AIRFLOW__CORE__FERNET_KEY", "k5N0dNBCIBYMQSzKOE3EhwjIcPYeWThxTLsNYpbYrMg=", "AIRFLOW_FERNET_KEY is not"),
        ("MLFLOW_TRACKING_PASSWORD", "another", "The champion cannot be loaded: galley.errors.RegistryRefused"),
    ],
)
def test_what_cannot_be_used_is_said(stack, backed_up, variable, value, said):
    command = ["docker", "compose", "exec", "-T", "-e", f"{variable}={value}", "airflow-scheduler"]
    done = subprocess.run(
        [*command, "deploy/airflow/smoke"],
        cwd=stack.home, input=stack.settings["VIEWER_PASSWORD"], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert said in done.stderr


def test_a_backup_brings_back_what_was_lost(stack, backed_up):
    stack.docker("down", "--volumes", "--timeout", "10")
    for name in ("data", "outputs"):
        shutil.rmtree(stack.home / name)
        (stack.home / name).mkdir()
    stack.make("restore", "FROM=backups/test")
    predicts_the_same(stack, backed_up)
