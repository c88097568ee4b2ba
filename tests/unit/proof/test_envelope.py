"""Signed statements: formats that other tools read, and no byte that can change without being noticed."""

import base64
import hashlib
import json
import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from galley.errors import DecisionError, SettingsError, SignatureError
from galley.proof.check import Kind, approvers, changes, file_problem, newest
from galley.proof.decision import REJECT
from galley.proof.envelope import PAYLOAD_TYPE, Envelope, pae
from galley.proof.keys import PublicKey, TrustedKeys
from galley.proof.statements import Digest, File, Link, Predicate, Statement

ANY_BYTE = hypothesis_settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def changed(draw, content):
    """The content with one byte changed, added or taken away."""
    place = draw(st.integers(0, len(content) - 1))
    kind = draw(st.sampled_from(["other", "added", "gone"]))
    byte = bytes([draw(st.integers(0, 255).filter(lambda byte: kind == "added" or byte != content[place]))])
    return content[:place] + (b"" if kind == "gone" else byte) + content[place + (kind != "added") :]


@pytest.fixture
def statement(stated, decide):
    link = Link(sequence=1, previous=None, made_at="2026-11-24T09:00:01.000000Z")
    return Statement(subject=tuple(stated.model), predicate=Predicate(decided=decide(), link=link))


@pytest.fixture
def content(statement, key):
    return Envelope.seal(statement, key).to_bytes()


def test_what_is_signed_is_encoded_as_the_dsse_specification_says():
    assert (
        pae("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_the_file_is_a_dsse_envelope_with_an_in_toto_statement(content, key):
    said = json.loads(content)
    assert said["payloadType"] == "application/vnd.in-toto+json"
    assert [signature["keyid"] for signature in said["signatures"]] == [key.id]
    statement = json.loads(base64.b64decode(said["payload"]))
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"][0] == {
        "name": "data/models/2026-11-23/MLmodel",
        "digest": {"sha256": hashlib.sha256(b"flavors: {}").hexdigest()},
        "annotations": {"bytes": 11},
    }
    assert statement["predicate"]["decided"]["task"]["try"] == 1


def test_openssl_alone_verifies_a_signature_and_finds_the_id_of_its_key(content, key, tmp_path):
    said = json.loads(content)
    (tmp_path / "signed").write_bytes(pae(PAYLOAD_TYPE, base64.b64decode(said["payload"])))
    (tmp_path / "signature").write_bytes(base64.b64decode(said["signatures"][0]["sig"]))
    (tmp_path / "public.der").write_bytes(key.public)
    arguments = ["-verify", "-pubin", "-keyform", "DER", "-inkey", "public.der", "-rawin", "-in", "signed"]
    found = subprocess.run(
        ["openssl", "pkeyutl", *arguments, "-sigfile", "signature"], cwd=tmp_path, capture_output=True, text=True
    )
    assert "Verified Successfully" in found.stdout
    assert key.id == hashlib.sha256((tmp_path / "public.der").read_bytes()).hexdigest()


def test_a_statement_comes_back_as_it_was_signed(statement, content, keys):
    assert Envelope.parse(content).open(keys) == statement


@ANY_BYTE
@given(data=st.data())
def test_any_change_of_any_byte_of_an_envelope_is_noticed(content, keys, data):
    with pytest.raises(SignatureError):
        Envelope.parse(data.draw(changed(content))).open(keys)


@ANY_BYTE
@given(data=st.data())
def test_any_change_of_any_byte_of_a_statement_is_noticed(statement, content, keys, data):
    good = Envelope.parse(content)
    forged = Envelope(data.draw(changed(statement.canonical())), good.key_id, good.signature)
    with pytest.raises(SignatureError):
        Envelope.parse(forged.to_bytes()).open(keys)


@ANY_BYTE
@given(data=st.data())
def test_any_change_of_any_byte_of_a_signature_is_noticed(content, keys, data):
    good = Envelope.parse(content)
    forged = Envelope(good.payload, good.key_id, data.draw(changed(good.signature)))
    with pytest.raises(SignatureError):
        Envelope.parse(forged.to_bytes()).open(keys)


@ANY_BYTE
@given(data=st.data())
def test_any_change_of_any_byte_of_a_public_key_is_noticed(content, key, data):
    """Its file is refused, or it is another key and not the one that signed."""
    good = PublicKey("galley", key.public, "2013-01-01T00:00:00.000000Z")
    try:
        keys = TrustedKeys([PublicKey("galley", data.draw(changed(key.public)), good.not_before)])
        keys = TrustedKeys([PublicKey.parse("galley", each.to_bytes()) for each in keys.all])
    except SettingsError:
        return
    with pytest.raises(SignatureError):
        Envelope.parse(content).open(keys)


@ANY_BYTE
@given(data=st.data())
def test_a_changed_file_of_a_public_key_is_refused_or_says_the_same_or_trusts_another_time(key, data):
    good = PublicKey("galley", key.public, "2013-01-01T00:00:00.000000Z", "2033-01-01T00:00:00.000000Z")
    try:
        found = PublicKey.parse("galley", data.draw(changed(good.to_bytes())))
    except SettingsError:
        return
    assert found.public != good.public or found.id == good.id


@ANY_BYTE
@given(data=st.data())
def test_any_change_of_any_byte_of_a_file_of_the_evidence_is_noticed(statement, locate, data):
    stated = data.draw(st.sampled_from(statement.files))
    path = locate(stated.name)
    before = path.read_bytes()
    try:
        path.write_bytes(data.draw(changed(before)))
        assert file_problem(stated, path)
    finally:
        path.write_bytes(before)
    assert not file_problem(stated, path)


@pytest.mark.parametrize(
    "form",
    [
        lambda said: json.dumps(said).encode(),
        lambda said: json.dumps({**said, "more": 1}, sort_keys=True, separators=(",", ":")).encode(),
        lambda said: json.dumps(
            {**said, "payload": said["payload"] + "\n"}, sort_keys=True, separators=(",", ":")
        ).encode(),
        lambda said: json.dumps(
            {**said, "signatures": said["signatures"] * 2}, sort_keys=True, separators=(",", ":")
        ).encode(),
        lambda said: json.dumps({**said, "signatures": []}, sort_keys=True, separators=(",", ":")).encode(),
        lambda said: json.dumps({**said, "payloadType": "text/plain"}, sort_keys=True, separators=(",", ":")).encode(),
    ],
    ids=["blanks", "one more field", "line break in base64", "two signatures", "no signature", "another type"],
)
def test_an_envelope_has_one_form_only(content, form):
    with pytest.raises(SignatureError, match="not a signed statement"):
        Envelope.parse(form(json.loads(content)))


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "data/../../x", "data//x", "", "data/x\n", "data\\x", "."])
def test_a_name_that_leads_out_of_the_project_is_refused(name):
    with pytest.raises(ValueError, match="name"):
        File(name=name, digest=Digest.of(b""), annotations={"bytes": 0})


def test_nothing_is_found_where_all_is_as_it_was(statement, locate):
    assert changes(statement, locate) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda path: path.write_bytes(b"<h1>Recommend approve</h1>"), "bytes now instead of"),
        (lambda path: path.write_bytes(path.read_bytes().replace(b"7", b"8")), "has other content now"),
        (lambda path: path.unlink(), "is not there any more"),
        (lambda path: (path.unlink(), path.mkdir()), "it is not a regular file"),
        (lambda path: (path.unlink(), os.mkfifo(path)), "it is not a regular file"),
        (lambda path: (path.unlink(), path.symlink_to("/dev/zero")), "it is not a regular file"),
        (lambda path: os.truncate(path, 1 << 40), "bytes now instead of"),
    ],
    ids=["longer", "same length", "gone", "folder", "pipe", "device", "sparse"],
)
def test_a_page_that_changed_is_named_and_never_waited_for(statement, locate, change, problem):
    page = "outputs/2026-11-23/train/02_review.html"
    change(locate(page))
    (finding,) = changes(statement, locate)
    assert (finding.kind, finding.name) == (Kind.CHANGED, page)
    assert problem in finding.problem
    assert finding.is_fault


def test_a_notebook_that_was_edited_later_is_said_and_is_no_fault(statement, locate):
    locate("notebooks/train/02_review.ipynb").write_bytes(b"{}")
    (finding,) = changes(statement, locate)
    assert str(finding).startswith("source has moved on since: notebooks/train/02_review.ipynb")
    assert not finding.is_fault


def test_two_approvals_are_those_of_two_people_on_the_same_files(append):
    one = append(person="lead")
    again = append(person="lead", answered_at="2026-11-24T10:00:00.000000Z")
    assert approvers([one, again], "3") == ("lead",)
    two = append(person="reviewer")
    assert approvers([one, again, two], "3") == ("lead", "reviewer")


def test_an_approval_before_a_rejection_or_under_another_policy_does_not_count(append):
    one, no, two = append(person="lead"), append(person="head", decision=REJECT), append(person="reviewer")
    assert approvers([one, no], "3") == ()
    assert approvers([one, no, two], "3") == ("reviewer",)
    other = append(person="boss", policy={"approvals": 2})
    assert approvers([one, no, two, other], "3") == ("boss",)


def test_a_version_without_a_statement_is_refused(append):
    signed = append()
    assert newest([signed], "3") == signed
    with pytest.raises(DecisionError, match="no signed statement about version 4"):
        newest([signed], "4")


def test_a_process_that_holds_a_key_cannot_be_read_by_others_of_its_user():
    code = "import ctypes; from galley.proof.keys import undumpable as do; do(); print(ctypes.CDLL(None).prctl(3))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "0\n"
