"""Keys: what is read as one, and what is said of what is not."""

import subprocess

import pytest

from galley.errors import SettingsError, SignatureError
from galley.proof.keys import PublicKey, SigningKey, TrustedKeys
from galley.storage import files

EARLY = "2013-01-01T00:00:00.000000Z"


def test_a_private_key_is_read_as_one_line_and_as_pem_also_with_its_line_breaks_lost(key, tmp_path):
    line = key.to_text()
    pem = f"-----BEGIN PRIVATE KEY-----\n{line}\n-----END PRIVATE KEY-----\n"
    for text in (line, pem, pem.replace("\n", "\\n"), pem.replace("\n", " ")):
        assert SigningKey.read(text).id == key.id


def test_a_key_that_openssl_made_is_read(tmp_path):
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", tmp_path / "key.pem"], check=True)
    assert len(SigningKey.read((tmp_path / "key.pem").read_text()).id) == 64


@pytest.mark.parametrize("text", ["", "secret", "MC4CAQAwBQYDK2VwBCIEIA==", "-----BEGIN PRIVATE KEY-----"])
def test_a_text_that_is_no_private_key_is_refused_and_not_shown(text):
    with pytest.raises(SettingsError, match="galley keys generate") as refused:
        SigningKey.read(text)
    assert not text or text not in str(refused.value).replace("private key", "")


def test_a_private_key_is_never_part_of_what_is_printed(key):
    assert key.to_text()[20:40] not in repr(key)
    assert "_key" not in repr(key)


def test_keys_are_read_from_the_files_of_a_folder(key, tmp_path):
    good = PublicKey(
        "2026", key.public, EARLY, not_after="2033-01-01T00:00:00.000000Z", revoked="2030-01-01T00:00:00.000000Z"
    )
    files.write_bytes(tmp_path / "2026.toml", good.to_bytes())
    files.write_bytes(tmp_path / "README.md", b"")
    keys = TrustedKeys.read(tmp_path)
    assert keys.all == (good,)
    assert keys.get(key.id) == good
    assert TrustedKeys.read(tmp_path / "nothing").all == ()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda text: text.replace("public", "pubic"), "pubic is an unknown key"),
        (lambda text: text.replace("not_before", "# not_before"), "not_before is missing"),
        (lambda text: text.replace('public = "M', 'public = "'), "not valid"),
        (lambda text: text.replace("000Z", "000"), "not a time with a zone"),
        (lambda _: "[" * 9_000, "not valid"),
        (lambda _: "x" * 20_000, "more than 10,000 bytes"),
        (lambda _: "\0", "not valid"),
    ],
)
def test_a_file_that_is_no_key_is_named(key, tmp_path, change, fault):
    text = PublicKey("2026", key.public, EARLY).to_bytes().decode()
    (tmp_path / "2026.toml").write_text(change(text))
    with pytest.raises(SettingsError, match=rf"2026(.|\n)*{fault}"):
        TrustedKeys.read(tmp_path)


def test_the_same_key_in_two_files_is_refused(key, tmp_path):
    for name in ("one.toml", "two.toml"):
        (tmp_path / name).write_bytes(PublicKey("", key.public, EARLY).to_bytes())
    with pytest.raises(SettingsError, match="same public key"):
        TrustedKeys.read(tmp_path)


def test_a_signing_key_that_would_not_be_trusted_is_refused_before_it_signs(key):
    with pytest.raises(SignatureError, match="does not trust"):
        TrustedKeys([]).require(key)
    with pytest.raises(SignatureError, match="revoked"):
        TrustedKeys([PublicKey("old", key.public, EARLY, revoked=EARLY)]).require(key)
    TrustedKeys([PublicKey("new", key.public, EARLY)]).require(key)
