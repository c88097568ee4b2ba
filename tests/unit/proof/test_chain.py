"""A chain of statements: each change, gap and truncation is noticed, and of two writers each gets a number."""

import os
import threading
from datetime import UTC, datetime

import pytest

from galley.errors import DecisionError, SignatureError
from galley.proof.chain import Chain, Head
from galley.proof.decision import REJECT, stamp
from galley.proof.envelope import Envelope
from galley.proof.keys import PublicKey, SigningKey, TrustedKeys
from galley.proof.statements import Digest, Link, Predicate, Statement
from galley.storage import files

EARLY, LATE = "2013-01-01T00:00:00.000000Z", "2035-01-01T00:00:00.000000Z"


def test_statements_come_back_in_their_order_each_naming_the_one_before(chain, append, keys):
    made = [append(version=version) for version in "123"]
    read = chain.read(keys)
    assert read == tuple(made)
    assert [signed.statement.link.sequence for signed in read] == [1, 2, 3]
    assert [signed.statement.link.previous for signed in read] == [
        None,
        *(Digest.of(each.content) for each in read[:-1]),
    ]


def test_a_model_that_nobody_decided_about_has_no_statement(chain, keys):
    assert chain.read(keys) == ()


def test_the_same_decision_is_stated_once_however_often_its_task_is_tried(chain, append, keys):
    first = append(version="1")
    append(version="2")
    assert append(version="1") == first
    assert len(chain.read(keys)) == 2


def test_a_statement_is_never_written_over(chain, append):
    append()
    path = chain.folder / "000001.json"
    assert not files.create(path, b"another")
    assert Envelope.parse(path.read_bytes())
    assert path.stat().st_mode & 0o222 == 0


def test_a_writer_that_was_too_slow_takes_the_next_number(chain, append, keys, monkeypatch):
    create = files.create

    def slow(target, content):
        monkeypatch.setattr(files, "create", create)
        append(version="1")
        return create(target, content)

    monkeypatch.setattr(files, "create", slow)
    append(version="2")
    assert [signed.statement.decided.version for signed in chain.read(keys)] == ["1", "2"]


def test_writers_at_once_each_get_a_number_of_their_own(chain, append, keys):
    writers = [threading.Thread(target=append, kwargs={"version": str(number)}) for number in range(1, 9)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert {signed.statement.decided.version for signed in chain.read(keys)} == set("12345678")


def test_a_chain_is_the_same_in_a_bucket(in_bucket, stated, decide, key, keys):
    chain = Chain.of(in_bucket, "flights-late")
    made = [chain.append(stated.model, decide(version=version), key, keys) for version in "12"]
    assert chain.read(keys) == tuple(made)
    assert not files.create(chain.folder / "000001.json", b"another")
    files.write_bytes(chain.folder / "000001.json", made[1].content)
    with pytest.raises(SignatureError, match="was made as number 2"):
        chain.read(keys)


@pytest.mark.parametrize("gone", ["000001.json", "000002.json"])
def test_a_statement_that_was_removed_is_named(chain, append, keys, gone):
    for version in "123":
        append(version=version)
    (chain.folder / gone).unlink()
    with pytest.raises(SignatureError, match=f"Statement {gone} of flights-late is missing"):
        chain.read(keys)


def test_statements_that_change_places_are_noticed(chain, append, keys):
    one, two = (append(version=version) for version in "12")
    files.write_bytes(chain.folder / "000001.json", two.content)
    files.write_bytes(chain.folder / "000002.json", one.content)
    with pytest.raises(SignatureError, match="was made as number 2"):
        chain.read(keys)


def test_removing_the_end_is_noticed_by_a_head_that_was_kept_elsewhere(chain, append, keys):
    append(version="1")
    head = append(version="2").head
    (chain.folder / "000002.json").unlink()
    assert len(chain.read(keys)) == 1
    with pytest.raises(SignatureError, match="end at 1"):
        chain.read(keys, known=Head.parse(str(head)))


def test_an_older_head_is_still_in_a_chain_that_grew(chain, append, keys):
    head = append(version="1").head
    append(version="2")
    assert len(chain.read(keys, known=head)) == 2


def test_nothing_is_appended_to_a_chain_whose_end_was_removed(chain, append, keys, stated, decide, key):
    append(version="1")
    head = append(version="2").head
    (chain.folder / "000002.json").unlink()
    with pytest.raises(SignatureError, match="end at 1"):
        chain.append(stated.model, decide(version="3"), key, keys, known=head)
    assert len(chain.read(keys)) == 1


def test_the_statements_of_another_model_do_not_count(settings, append, chain, keys):
    signed = append()
    other = Chain.of(settings.outputs, "churn")
    files.write_bytes(other.folder / "000001.json", signed.content)
    with pytest.raises(SignatureError, match="about the model 'flights-late'"):
        other.read(keys)


def test_nobody_can_append_with_a_key_that_is_not_trusted(chain, append, keys, stated, decide):
    append()
    with pytest.raises(SignatureError, match="does not trust"):
        chain.append(stated.model, decide(version="4"), SigningKey.generate(), keys)


def test_a_statement_that_somebody_else_signed_is_refused_by_its_key(chain, append, keys, stated, decide):
    append()
    thief = SigningKey.generate()
    forged = chain.append(
        stated.model,
        decide(version="4"),
        thief,
        TrustedKeys([*keys.all, PublicKey("thief", thief.public, EARLY)]),
    )
    with pytest.raises(SignatureError, match=f"Statement {forged.name}.*{thief.id[:16]}.*does not trust"):
        chain.read(keys)


def test_a_chain_goes_on_with_a_new_key_and_what_the_old_one_signed_stays_valid(chain, append, key, stated, decide):
    append(version="1")
    new = SigningKey.generate()
    now = stamp(datetime.now(UTC))
    keys = TrustedKeys([PublicKey("old", key.public, EARLY, not_after=now), PublicKey("new", new.public, EARLY)])
    chain.append(stated.model, decide(version="2"), new, keys)
    assert [signed.key_id for signed in chain.read(keys)] == [key.id, new.id]


@pytest.mark.parametrize(
    "validity",
    [{"not_before": LATE}, {"not_after": "2014-01-01T00:00:00.000000Z"}, {"revoked": "2014-01-01T00:00:00.000000Z"}],
)
def test_what_a_key_signed_when_it_was_not_valid_does_not_count(chain, append, key, validity):
    append()
    now = TrustedKeys([PublicKey("galley", key.public, **{"not_before": EARLY, **validity})])
    with pytest.raises(SignatureError, match=r"The key galley .*was (valid from|valid until|revoked at)"):
        chain.read(now)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"[" * 1_000_000),
        lambda path: path.write_bytes(b'{"payload": ' + b"[" * 100_000),
        lambda path: path.write_bytes(b"x" * 3_000_000),
        lambda path: path.write_bytes(b'{"payload": 1, "payloadType": 2, "signatures": 3}'),
        lambda path: path.write_bytes(b"null"),
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: os.mkfifo(path),
        lambda path: path.mkdir(),
    ],
    ids=["empty", "deep", "deep payload", "large", "other types", "null", "link to a device", "pipe", "folder"],
)
def test_reading_never_hangs_or_breaks_on_a_file_that_is_no_statement(chain, append, keys, make):
    append()
    make(chain.folder / "000002.json")
    with pytest.raises(SignatureError, match=r"Statement 000002\.json of flights-late"):
        chain.read(keys)


def test_files_that_are_beside_the_statements_are_left_alone(chain, append, keys):
    append()
    (chain.folder / ".part.abc").write_bytes(b"")
    (chain.folder / "README").write_bytes(b"")
    assert len(chain.read(keys)) == 1


@pytest.mark.parametrize("text", ["", "0:" + "a" * 64, "1:abc", "x", "1:" + "A" * 64, "1:" + "a" * 64 + "\n"])
def test_a_text_that_names_no_statement_is_refused(text):
    with pytest.raises(SignatureError, match=r"galley\.statement"):
        Head.parse(text)


@pytest.mark.parametrize("changes", [{"person": " "}, {"person": "nobody"}, {"reason": " "}, {"reports": ()}])
def test_nobody_approves_without_a_name_a_reason_and_a_report(decide, changes):
    with pytest.raises(DecisionError, match="an approval needs"):
        decide(**changes)
    assert decide(decision=REJECT, **changes)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"version": "v3"}, "version"),
        ({"decision": "Maybe"}, "decision"),
        ({"answered_at": "2026-13-24T09:00:00.000000Z"}, "answered_at"),
        ({"policy": {"limit": float("nan")}}, "JSON"),
        ({"colour": "blue"}, "colour"),
        ({"champion": 2}, "champion"),
        ({"reason": "\ud800"}, "reason"),
    ],
)
def test_a_decision_that_cannot_be_stated_says_which_part(decide, changes, fault):
    with pytest.raises(DecisionError, match=fault):
        decide(**changes)


def test_a_statement_that_is_dated_before_the_one_before_it_is_refused(chain, append, keys, key, stated, decide):
    """As by a thief of a key that has been revoked since."""
    last = append(version="1")
    link = Link(sequence=2, previous=Digest.of(last.content), made_at=EARLY)
    backdated = Statement(subject=tuple(stated.model), predicate=Predicate(decided=decide(version="2"), link=link))
    files.create(chain.folder / "000002.json", Envelope.seal(backdated, key).to_bytes())
    with pytest.raises(SignatureError, match="at an earlier time"):
        chain.read(keys)
