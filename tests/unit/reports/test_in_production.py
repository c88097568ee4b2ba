"""What reports say of production: the signed decisions, and what became of each."""

import hashlib
from types import SimpleNamespace

import pytest

from galley.proof.chain import Chain
from galley.proof.decision import APPROVE, REJECT, ROLLBACK
from galley.proof.keys import SigningKey, TrustedKeys, trust
from galley.proof.statements import Decided, Digest, File, Task
from galley.reports.index import Index
from galley.reports.production import Productions
from galley.settings import Settings
from galley.storage import files

MODEL = "flights-late"


@pytest.fixture
def told(tmp_path):
    """Decides, and carries decisions out, as the tasks of a project do: each in a run of a day of its own."""
    settings = Settings.from_environment({"GALLEY_HOME": str(tmp_path)})
    key = SigningKey.generate()
    trust(key, settings.keys, "tests")
    chain = Chain.of(settings.outputs, MODEL)

    def decide(day, version, decision, by, champion="", is_carried_out=False):
        ds, run = f"2026-11-{day}", settings.outputs / f"2026-11-{day}" / "train"
        files.write_bytes(run / "02_review.html", b"page")
        report = File.of(f"outputs/{ds}/train/02_review.html", run / "02_review.html")
        decided = Decided.of(
            model=MODEL,
            version=version,
            ds=ds,
            decision=decision,
            person=by,
            reason=f"because of {version}",
            asked_at=f"{ds}T08:00:00.000000Z",
            answered_at=f"{ds}T09:00:00.000000Z",
            task=Task(dag="train", run=f"run {day}", task="approval", number=1),
            form=Digest.of(b"form"),
            reports=(report,),
            champion=champion,
            policy={},
        )
        chain.append((report,), decided, key, TrustedKeys.read(settings.keys))
        if is_carried_out:
            concluded = {"version": version, "previous_version": champion or None}
            files.write_json(run / "metrics.json", {"ship": concluded})

    productions = Productions(settings, Index(settings.outputs))
    return SimpleNamespace(
        decide=decide, chain=chain, outputs=settings.outputs, production=lambda: productions.of(MODEL)
    )


def test_nothing_is_in_production_before_anything_is_decided(told):
    found = told.production()
    assert (found.current, found.lines, found.fault) == (None, (), "")


def test_each_decision_says_what_became_of_the_version_by_it(told):
    told.decide("09", "1", APPROVE, "ada", is_carried_out=True)
    told.decide("16", "2", REJECT, "grace", champion="1")
    told.decide("23", "3", APPROVE, "grace", champion="1", is_carried_out=True)
    told.decide("24", "1", ROLLBACK, "lead", champion="3", is_carried_out=True)
    told.decide("30", "4", APPROVE, "ada", champion="1")
    found = told.production()
    assert [(line.version, line.decision) for line in found.lines if found.can_return_to(line)] == [("3", APPROVE)]
    assert [(line.version, line.decision, line.became) for line in found.lines] == [
        ("4", APPROVE, ""),
        ("1", ROLLBACK, "in production"),
        ("3", APPROVE, "rolled back to version 1 by lead, 2026-11-24 09:00 UTC"),
        ("2", REJECT, ""),
        ("1", APPROVE, "replaced by version 3, 2026-11-23 09:00 UTC"),
    ]
    assert (found.current.version, found.current.person) == ("1", "lead")
    assert found.current.page == "2026-11-24/train/02_review.html"
    assert found.current.form == hashlib.sha256(b"form").hexdigest()


def test_a_version_that_a_later_decision_found_there_was_in_production_though_its_day_was_run_again(told):
    told.decide("09", "1", APPROVE, "ada", is_carried_out=True)
    (told.outputs / "2026-11-09/train/metrics.json").unlink()
    assert told.production().current is None
    told.decide("16", "2", REJECT, "grace", champion="1")
    assert told.production().current.version == "1"


def test_a_version_that_two_people_approved_is_not_said_to_be_replaced_by_itself(told):
    told.decide("09", "1", APPROVE, "ada")
    told.decide("09", "1", APPROVE, "grace", is_carried_out=True)
    assert [line.became for line in told.production().lines] == ["in production", "in production"]


def test_an_approval_against_the_verdict_of_its_own_review_is_said_to_be_one(told):
    for day, version, verdict in (("09", "1", "against"), ("16", "2", "approve"), ("23", "3", "against")):
        told.decide(day, version, REJECT if version == "3" else APPROVE, "ada")
        run = told.outputs / f"2026-11-{day}" / "train"
        files.write_json(run / "metrics.json", {"review": {"version": version, "verdict": verdict}})
    assert [line.is_against for line in told.production().lines] == [False, False, True]
    other = {"review": {"version": "9", "verdict": "against"}}  # reviewed again since, and not this version
    files.write_json(told.outputs / "2026-11-09/train/metrics.json", other)
    assert not told.production().lines[-1].is_against


def test_what_is_carried_out_later_is_seen(told):
    told.decide("09", "1", APPROVE, "ada")
    assert told.production().current is None
    files.write_json(
        told.outputs / "2026-11-09/train/metrics.json", {"ship": {"version": "1", "previous_version": None}}
    )
    assert told.production().current.version == "1"


def test_decisions_that_are_not_what_was_signed_are_a_fault(told):
    told.decide("09", "1", APPROVE, "ada", is_carried_out=True)
    statement = told.chain.folder / "000001.json"
    statement.write_bytes(statement.read_bytes().replace(b"payload", b"payl0ad"))
    found = told.production()
    assert "000001.json" in found.fault
    assert (found.current, found.lines) == (None, ())


@pytest.mark.parametrize("content", [b"", b"[]", b'{"ship": 1}', b'{"ship": {"previous_version": 1}}', b"\xff"])
def test_metrics_that_are_none_carry_nothing_out(told, content):
    told.decide("09", "1", APPROVE, "ada")
    files.write_bytes(told.outputs / "2026-11-09/train/metrics.json", content)
    assert told.production().current is None
