"""One file for an auditor: it says the same to whoever has nothing else, and no byte of it can change unnoticed."""

import io
import json
import zipfile

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from galley import cli
from galley.errors import DecisionError, MissingInput
from galley.proof import export as exports
from galley.proof.check import Kind
from galley.proof.export import export, verify_file
from galley.proof.keys import PublicKey, SigningKey, TrustedKeys

PAGE = "outputs/2026-11-23/train/02_review.html"


@pytest.fixture
def packed(chain, append, keys, locate):
    append(version="2", person="reviewer")
    append(version="3")
    return export(chain, "3", keys, locate, card=b"# flights-late, version 3")


@pytest.fixture
def checked(tmp_path):
    """Checks the content of an export; returns what was found as texts."""

    def check(content, trusted=None):
        path = tmp_path / "audit.zip"
        path.write_bytes(content)
        return [str(finding) for finding in verify_file(path, trusted).findings]

    return check


def repacked(content, **changes):
    """The export with other files, packed as galley packs, and its manifest made to fit: by who knows how."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(found.pop("manifest.json"))
    for name, text in changes.items():
        found = {key: value for key, value in {**found, name: text}.items() if value is not None}
    manifest["files"] = exports._digests(found)
    return exports._packed({"manifest.json": exports.canonical_json(manifest), **found})


def test_an_export_has_what_an_outsider_needs_and_is_the_same_each_time(packed, chain, keys, locate, checked):
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == sorted(
            [
                "card.md",
                f"files/{PAGE}",
                f"files/{PAGE.replace('html', 'ipynb')}",
                "keys/galley.toml",
                "manifest.json",
                "statements/000001.json",
                "statements/000002.json",
            ]
        )
    assert export(chain, "3", keys, locate, card=b"# flights-late, version 3") == packed
    assert checked(packed) == []
    assert checked(packed, keys) == []


@hypothesis_settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_any_byte_of_an_export_is_noticed(packed, checked, data):
    place = data.draw(st.integers(0, len(packed) - 1))
    byte = bytes([data.draw(st.integers(0, 255).filter(lambda byte: byte != packed[place]))])
    content = data.draw(
        st.sampled_from(
            [
                packed[:place] + byte + packed[place + 1 :],
                packed[:place] + packed[place + 1 :],
                packed[:place] + byte + packed[place:],
                packed[:place],
                packed + byte,
            ]
        )
    )
    assert checked(content)


def test_a_forged_page_is_found_also_where_the_manifest_fits(packed, checked):
    (found,) = checked(repacked(packed, **{f"files/{PAGE}": b"<h1>Recommend approve: 8 of 8</h1>"}))
    assert found.startswith(f"evidence changed: {PAGE}")
    (found,) = checked(repacked(packed, **{f"files/{PAGE}": None}))
    assert found == f"evidence changed: {PAGE} is not there"


def test_a_statement_that_was_left_out_is_found(packed, checked):
    (found,) = checked(repacked(packed, **{"statements/000001.json": None}))
    assert "000001.json of flights-late is missing" in found
    (found,) = checked(repacked(packed, **{"statements/000002.json": None}))
    assert "no signed statement about version 3" in found


def test_a_file_that_another_key_signed_through_and_through_is_whole_and_not_trusted(
    chain, stated, decide, keys, locate, checked
):
    thief = SigningKey.generate()
    own = TrustedKeys([PublicKey("galley", thief.public, "2013-01-01T00:00:00.000000Z")])
    chain.append(stated.model, decide(), thief, own)
    forged = export(chain, "3", own, locate)
    assert checked(forged) == []
    (found,) = checked(forged, keys)
    assert found.startswith(f"{Kind.UNSIGNED}: ")


def test_a_page_that_changed_before_the_export_is_packed_and_found(chain, append, keys, locate, checked):
    append()
    locate(PAGE).write_bytes(b"<h1>other</h1>")
    assert checked(export(chain, "3", keys, locate)) == [
        f"evidence changed: {PAGE} has other content than the one that was decided on"
    ]


def test_a_version_that_nobody_decided_about_is_not_exported(chain, append, keys, locate):
    append()
    with pytest.raises(DecisionError, match="version 9"):
        export(chain, "9", keys, locate)


def archive(*entries, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as packing:
        for name, content in entries:
            packing.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK",
        b"not an archive",
        archive(),
        archive(("manifest.json", b"{}")),
        archive(("manifest.json", b"[" * 100_000)),
        archive(("../../etc/passwd", b"x")),
        archive(("a", b"0" * 50_000_000), compression=zipfile.ZIP_DEFLATED),
        archive(("manifest.json", b'{"format": 1, "model": "m", "version": "1", "files": {}}')),
    ],
    ids=["empty", "cut", "text", "nothing", "no manifest", "deep", "path", "bomb", "another form"],
)
def test_what_is_no_export_is_found_and_never_unpacked(checked, content):
    (found,) = checked(content)
    assert found.startswith("evidence changed: audit.zip is not as galley export wrote it")


def test_a_file_that_is_not_there_or_never_ends_is_named(tmp_path):
    for path in (tmp_path / "nothing.zip", "/dev/zero", tmp_path):
        with pytest.raises(MissingInput, match="galley export"):
            verify_file(path)


@pytest.fixture
def galley(settings, monkeypatch, capsys):
    """Runs the command in the project; returns its exit code and what it printed."""
    monkeypatch.setenv("GALLEY_HOME", str(settings.home))
    settings.home.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(settings.home)

    def run(*arguments):
        code = cli.main(arguments)
        return code, capsys.readouterr().out

    return run


@pytest.fixture
def project(galley, settings, chain, stated, decide):
    """A project with a key of its own that has signed one decision."""
    assert galley("keys", "generate", "2026", "--private", str(settings.home / "private"))[0] == 0
    key = SigningKey.read((settings.home / "private").read_text())
    chain.append(stated.model, decide(), key, TrustedKeys.read(settings.home / "keys"))
    return settings.home


def test_the_command_makes_a_key_whose_private_half_only_its_owner_can_read(galley, settings):
    private = settings.home / "private"
    assert galley("keys", "generate", "2026", "--private", str(private))[0] == 0
    assert private.stat().st_mode & 0o777 == 0o600
    identity = SigningKey.read(private.read_text()).id
    assert galley("keys", "list")[1].startswith(f"{identity} 2026 from 2")
    assert private.read_text().strip() not in (settings.home / "keys" / "2026.toml").read_text()


def test_the_command_never_writes_over_a_key(galley, settings):
    assert galley("keys", "generate", "2026", "--private", str(settings.home / "private"))[0] == 0
    before = (settings.home / "private").read_bytes(), (settings.home / "keys" / "2026.toml").read_bytes()
    assert galley("keys", "generate", "2026")[0] == 1
    assert galley("keys", "generate", "2027", "--private", str(settings.home / "private"))[0] == 1
    assert galley("keys", "generate", "../2027")[0] == 1
    assert before == ((settings.home / "private").read_bytes(), (settings.home / "keys" / "2026.toml").read_bytes())
    assert len(list((settings.home / "keys").iterdir())) == 1


def test_the_command_exports_a_version_and_verifies_the_file_anywhere(galley, project, monkeypatch, tmp_path):
    assert galley("export", "3", "--to", "audit.zip") == (0, "audit.zip: findings: 0\n")
    file, keys = project / "audit.zip", project / "keys"
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GALLEY_HOME")
    code, printed = galley("verify", str(file), "--keys", str(keys))
    assert code == 0
    assert "version 3 of flights-late: Approve by lead" in printed
    assert "own" not in printed
    assert "the file's own" in galley("verify", str(file))[1]
    code, printed = galley("verify", str(file), "--json")
    assert json.loads(printed)["decision"]["person"] == "lead"


def test_the_command_exits_with_1_for_a_file_that_was_changed(galley, project):
    galley("export", "3")
    file = project / "flights-late-3.zip"
    file.write_bytes(file.read_bytes().replace(b"Neutral", b"Glowing"))
    code, printed = galley("verify", str(file), "--json")
    assert code == 1
    assert json.loads(printed)["findings"][0]["kind"] == "evidence changed"


def test_the_command_verifies_every_statement_of_the_project(galley, project, locate):
    code, printed = galley("verify")
    assert (code, printed.splitlines()[-1]) == (0, "models: 1, findings: 0")
    assert printed.startswith("The tags of flights-late in MLflow were not compared: ")
    locate("notebooks/train/02_review.ipynb").write_bytes(b"{}")
    code, printed = galley("verify")
    assert code == 0
    assert "source has moved on since: notebooks/train/02_review.ipynb" in printed
    locate(PAGE).unlink()
    code, printed = galley("verify", "--json")
    assert code == 1
    assert [finding["kind"] for finding in json.loads(printed)["findings"]] == [Kind.CHANGED, Kind.MOVED_ON]
    (project / "outputs" / "decisions" / "flights-late" / "000001.json").chmod(0o644)
    (project / "outputs" / "decisions" / "flights-late" / "000001.json").write_bytes(b"{}")
    code, printed = galley("verify")
    assert code == 1
    assert printed.startswith("not signed by a key that this project trusts: ")
