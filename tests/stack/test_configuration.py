"""The configuration of the stack, before anything runs: no secret has a default, none is ever the same."""

import re
import stat
import subprocess

import pytest
from conftest import ROOT

from galley.local.stack import filled, read, write_settings

EXAMPLE = (ROOT / ".env.example").read_text()
SECRETS = re.findall(r"^(\w+_(?:KEY|PASSWORD|SECRET|TOKEN))=", EXAMPLE, re.MULTILINE)


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_that_is_empty_is_refused_by_its_name(engine, tmp_path, secret):
    text = re.sub(rf"^{secret}=.*$", f"{secret}=", filled(EXAMPLE, tmp_path, 1000), flags=re.MULTILINE)
    (tmp_path / ".env").write_text(text)
    command = ["docker", "compose", "-f", ROOT / "docker-compose.yml", "--env-file", tmp_path / ".env", "config", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"required variable {secret} is missing a value" in done.stderr


def test_the_example_has_no_secret_and_what_is_written_has_them_all_and_all_different(tmp_path):
    (tmp_path / ".env").write_text(filled(EXAMPLE, tmp_path, 1000))
    values = read(tmp_path / ".env")
    assert len(SECRETS) > 5
    assert not [name for name in SECRETS if re.search(rf"^{name}=.+$", EXAMPLE, re.MULTILINE)]
    assert len({values[name] for name in SECRETS}) == len(SECRETS)
    assert min(len(values[name]) for name in SECRETS) >= 32
    assert len(values["AIRFLOW_JWT_SECRET"]) >= 64


def test_root_is_never_who_containers_run_as():
    assert "AIRFLOW_UID=50000" in filled(EXAMPLE, ROOT, 0)
    assert "AIRFLOW_UID=1234" in filled(EXAMPLE, ROOT, 1234)


def test_make_stack_writes_a_file_that_only_its_owner_reads_and_never_writes_it_again(tmp_path):
    (tmp_path / ".env.example").write_text(EXAMPLE)
    assert write_settings(tmp_path)
    written = (tmp_path / ".env").read_text()
    assert not write_settings(tmp_path)
    assert (tmp_path / ".env").read_text() == written
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
