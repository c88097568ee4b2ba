"""What reports say of production: the signed decisions, and what the journal's copy says became of them."""

from types import SimpleNamespace

import pytest

from galley.proof.chain import Chain
from galley.proof.decision import APPROVE, REJECT, ROLLBACK
from galley.proof.keys import SigningKey, TrustedKeys, trust
from galley.proof.statements import Decided, Digest, File, Task
from galley.registry.journal import Entry, write_copy
from galley.reports.production import Productions
from galley.settings import Settings
from galley.storage import files

MODEL = "flights-late"


@pytest.fixture
def told(tmp_path):
    """Decides and moves, as the tasks of a project do."""
    settings = Settings.from_environment({"GALLEY_HOME": str(tmp_path)})
    key = SigningKey.generate()
    trust(key, settings.keys, "tests")
    page = settings.outputs / "2026-11-23/train/02_review.html"
    files.write_bytes(page, b"page")
    report = File.of("outputs/2026-11-23/train/02_review.html", page)
    chain, moves = Chain.of(settings.outputs, MODEL), []

    def decide(version, decision, by):
        decided = Decided.of(
            model=MODEL,
            version=version,
            ds="2026-11-23",
            decision=decision,
            person=by,
            reason=f"because of {version}",
            asked_at="2026-11-24T08:00:00.000000Z",
            answered_at="2026-11-24T09:00:00.000000Z",
            task=Task(dag="train", run=f"run {version} {decision}", task="approval", number=1),
            form=Digest.of(b"form"),
            reports=(report,),
            policy={},
        )
        chain.append((report,), decided, key, TrustedKeys.read(settings.keys))

    def move(version, decision, by, since):
        moves.append(Entry(since, version, decision, by, "", f"run {version} {decision}"))
        write_copy(moves, chain.folder)

    return SimpleNamespace(
        decide=decide, move=move, chain=chain, production=lambda: Productions(settings).of(MODEL), settings=settings
    )


def test_nothing_is_in_production_before_anything_is_decided(told):
    found = told.production()
    assert (found.version, found.lines, found.fault) == ("", (), "")


def test_each_decision_says_what_became_of_the_version_by_it(told):
    told.decide("1", APPROVE, "ada")
    told.move("1", APPROVE, "ada", "2026-11-16T10:00:00.000000Z")
    told.decide("2", REJECT, "grace")
    told.decide("3", APPROVE, "grace")
    told.move("3", APPROVE, "grace", "2026-11-23T10:00:00.000000Z")
    told.decide("1", ROLLBACK, "lead")
    told.move("1", ROLLBACK, "lead", "2026-11-24T10:00:00.000000Z")
    told.decide("4", APPROVE, "ada")
    found = told.production()
    assert [(line.version, line.decision, line.became) for line in found.lines] == [
        ("4", APPROVE, ""),
        ("1", ROLLBACK, "in production"),
        ("3", APPROVE, "rolled back to version 1 by lead, 2026-11-24 10:00 UTC"),
        ("2", REJECT, ""),
        ("1", APPROVE, "replaced by version 3, 2026-11-23 10:00 UTC"),
    ]
    assert (found.version, found.since) == ("1", "2026-11-24T10:00:00.000000Z")
    assert found.line.person == "lead"
    assert found.line.page == "2026-11-23/train/02_review.html"


def test_a_version_that_no_recorded_decision_put_there_is_said_to_be_so(told):
    told.decide("1", APPROVE, "ada")
    told.move("2", APPROVE, "ada", "2026-11-16T10:00:00.000000Z")
    found = told.production()
    assert (found.version, found.line) == ("2", None)


def test_decisions_that_are_not_what_was_signed_are_a_fault(told):
    told.decide("1", APPROVE, "ada")
    told.move("1", APPROVE, "ada", "2026-11-16T10:00:00.000000Z")
    statement = told.chain.folder / "000001.json"
    statement.write_bytes(statement.read_bytes().replace(b"payload", b"payl0ad"))
    found = told.production()
    assert "000001.json" in found.fault
    assert (found.version, found.lines) == ("", ())


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"moves": [1]}', b'{"moves": [{"since": "x"}]}', b"\xff"])
def test_a_copy_of_the_journal_that_is_none_is_a_fault(told, content):
    files.write_bytes(told.chain.folder / "champions.json", content)
    assert told.production().fault


def test_what_was_read_is_read_again_when_it_changed(told):
    known = Productions(told.settings)
    assert known.of(MODEL).version == ""
    told.decide("1", APPROVE, "ada")
    told.move("1", APPROVE, "ada", "2026-11-16T10:00:00.000000Z")
    assert known.of(MODEL).version == "1"
