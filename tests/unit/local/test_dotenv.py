"""The stack's .env: written once for this folder, filled in where it is empty, and never written over."""

import re
import stat
from pathlib import Path

import pytest

from galley.errors import SettingsError
from galley.local import dotenv
from galley.local.dotenv import changed, complete, differing, read, require_user, settings, take

EXAMPLE = (Path(__file__).parents[3] / ".env.example").read_text()
SECRETS = re.findall(r"^(\w+_(?:KEY|PASSWORD|SECRET|TOKEN))=", EXAMPLE, re.MULTILINE)


@pytest.fixture
def home(tmp_path):
    (tmp_path / ".env.example").write_text(EXAMPLE)
    return tmp_path


def test_the_example_has_no_secret_and_what_is_written_has_them_all_and_all_different(home):
    complete(home)
    values = read(home / ".env")
    assert len(SECRETS) > 5
    assert not [name for name in SECRETS if re.search(rf"^{name}=.+$", EXAMPLE, re.MULTILINE)]
    assert len({values[name] for name in SECRETS}) == len(SECRETS)
    assert min(len(values[name]) for name in SECRETS) >= 32
    assert len(values["AIRFLOW_JWT_SECRET"]) >= 64


def test_only_its_owner_reads_it_and_what_it_has_stays(home):
    assert set(SECRETS) < set(complete(home))
    written = (home / ".env").read_text()
    assert complete(home) == []
    assert (home / ".env").read_text() == written
    assert stat.S_IMODE((home / ".env").stat().st_mode) == 0o600


def test_folders_are_absolute_and_the_project_is_named_after_the_path(home):
    complete(home)
    values = read(home / ".env")
    assert values["DATA_DIR"] == f"{home}/data"
    assert re.fullmatch(r"galley-[0-9a-f]{8}", values["COMPOSE_PROJECT_NAME"])
    assert dotenv.project(home) == values["COMPOSE_PROJECT_NAME"]


@pytest.mark.parametrize("line", ["REDIS_PASSWORD=", None], ids=["empty", "missing"])
def test_a_secret_that_is_empty_or_missing_is_filled_in_and_nothing_else_changes(home, line):
    complete(home)
    before = read(home / ".env")
    lines = [line for line in (home / ".env").read_text().splitlines() if not line.startswith("REDIS_PASSWORD=")]
    (home / ".env").write_text("\n".join([*lines, *([line] if line else [])]) + "\n")
    assert complete(home) == ["REDIS_PASSWORD"]
    after = read(home / ".env")
    assert after.pop("REDIS_PASSWORD") not in ("", before.pop("REDIS_PASSWORD"))
    assert after == before


def test_a_name_that_a_file_never_had_is_the_folders_as_compose_has_it(home):
    folder = home / "My.Project"
    folder.mkdir()
    (folder / ".env.example").write_text(EXAMPLE)
    (folder / ".env").write_text("ADMIN_PASSWORD=x\n")
    assert dotenv.project(folder) == "myproject"
    complete(folder)
    assert dotenv.project(folder) == "myproject"


def test_the_environment_goes_before_the_file_and_what_is_empty_does_not_count(home, monkeypatch):
    (home / ".env").write_text("GALLEY_AIRFLOW_PORT=8081\nGALLEY_LAB_PORT=\nGALLEY_MLFLOW_PORT=5001\n")
    monkeypatch.setenv("GALLEY_MLFLOW_PORT", "5002")
    found = settings(home)
    assert (found["GALLEY_AIRFLOW_PORT"], found["GALLEY_MLFLOW_PORT"], found["GALLEY_LAB_PORT"]) == (
        "8081", "5002", "8888",
    )  # fmt: skip


@pytest.mark.parametrize(("uid", "given"), [(0, "50000"), (1234, "1234")])
def test_who_starts_it_is_who_containers_run_as_unless_that_is_root(home, monkeypatch, uid, given):
    monkeypatch.setattr("os.getuid", lambda: uid)
    complete(home)
    assert read(home / ".env")["AIRFLOW_UID"] == given
    require_user(home)


@pytest.mark.parametrize("uid", ["0", "00", "root", "-1"])
def test_root_is_refused(home, uid):
    (home / ".env").write_text(changed(EXAMPLE, {"AIRFLOW_UID": uid}))
    with pytest.raises(SettingsError, match=f"AIRFLOW_UID={uid} in .env"):
        require_user(home)


def test_a_backups_data_brings_its_secrets_and_nothing_of_its_folder(home, tmp_path_factory):
    there = tmp_path_factory.mktemp("there")
    (there / ".env.example").write_text(EXAMPLE)
    for folder in (home, there):
        complete(folder)
    theirs = changed((there / ".env").read_text(), {"GALLEY_MODEL": "flights-late", "GALLEY_LAB_PORT": "9999"})
    (there / ".env").write_text(theirs)
    before = read(home / ".env")
    assert take(home, there / ".env") == ["AIRFLOW_FERNET_KEY", "MLFLOW_PASSWORD", "SIGNING_KEY"]
    assert differing(home, there / ".env") == ["GALLEY_MODEL"]
    after, backup = read(home / ".env"), read(there / ".env")
    assert {name for name in after if after[name] != before[name]} == {
        "AIRFLOW_FERNET_KEY",
        "MLFLOW_PASSWORD",
        "SIGNING_KEY",
    }
    assert after["AIRFLOW_FERNET_KEY"] == backup["AIRFLOW_FERNET_KEY"]
    assert stat.S_IMODE((home / ".env").stat().st_mode) == 0o600
    assert take(home, there / ".env") == []
