"""Secrets and passwords on the disk."""

import os
import stat

from galley.local import credentials
from galley.local.credentials import Secrets


def test_secrets_are_generated_once_and_readable_by_their_owner_alone(tmp_path):
    file = tmp_path / "secrets.json"
    first = Secrets.of(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert Secrets.of(file) == first
    assert Secrets.generate() != first


def test_the_jwt_secret_is_as_long_as_its_hash_wants():
    assert len(Secrets.generate().jwt_secret.encode()) >= 64


def test_secrets_do_not_show_when_printed():
    secrets = Secrets.generate()
    assert secrets.fernet_key not in f"{secrets} {secrets!r}"


def test_a_file_is_private_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        credentials.write_private(tmp_path / "file", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_a_new_user_gets_a_password_and_the_others_keep_theirs(tmp_path):
    file = tmp_path / "passwords.json"
    before = credentials.passwords(file, ["admin"])
    after = credentials.passwords(file, ["admin", "reviewer"])
    assert after["admin"] == before["admin"]
    assert after["reviewer"] != after["admin"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_passwords_are_shown_once_and_again_when_they_are_new(tmp_path):
    file = tmp_path / "passwords.json"
    credentials.passwords(file, ["admin"])
    assert credentials.first_showing(file)
    assert not credentials.first_showing(file)
    file.unlink()
    credentials.passwords(file, ["admin"])
    assert credentials.first_showing(file)


def test_a_private_folder_shuts_out_others_and_so_do_databases_from_before(tmp_path):
    home = tmp_path / ".airflow"
    home.mkdir(mode=0o755)
    for name in ("airflow.db", "airflow.db-wal"):
        (home / name).touch(mode=0o644)
    credentials.make_private(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()} == {0o600}
