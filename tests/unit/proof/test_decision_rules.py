"""The rules of a decision, as tables."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from galley.errors import DecisionError
from galley.project import DeclaredModel
from galley.proof import decision
from galley.proof.decision import APPROVE, NO_ANSWER, REJECT, Decision, Version

SEEN = {"model": "aaa", "data/val.csv": "bbb", "4_judge.ipynb": "ccc", "4_judge.html": "ddd"}
MODEL = DeclaredModel(name="m", problem="binary", key="id", target="label", train="weekly", review="judge")


def registered(version: str, ds: str) -> Version:
    decided = Decision(APPROVE, version, ds, "ada", "because", "2026-11-23T10:00:00.000000Z", "run", SEEN)
    return Version(version, {"galley.ds": ds, **decided.tags()})


def blocker(
    candidate: Version, champion: Version | None, challenger: Version | None, changed: Sequence[str] = ()
) -> str | None:
    decided = decision.recorded(candidate.tags)
    assert decided is not None
    return decision.promotion_blocker(candidate, decided, champion, challenger, changed, MODEL)


@pytest.mark.parametrize(
    ("answer", "reviewer", "reason", "expected"),
    [
        ("Approve", "ada", "fine", APPROVE),
        ("Reject", "ada", "worse", REJECT),
        ("Reject", "ada", "", REJECT),
        ("Reject", "", "", NO_ANSWER),
        ("Reject", "nobody", "no answer", NO_ANSWER),
        ("Reject", " ", "no answer in six days", NO_ANSWER),
    ],
)
def test_an_answer_amounts_to(answer: str, reviewer: str, reason: str, expected: str) -> None:
    assert decision.outcome(answer, reviewer, reason) == expected


@pytest.mark.parametrize(
    ("answer", "reviewer", "reason", "message"),
    [
        ("Approve", "", "fine", "names no reviewer"),
        ("Approve", "nobody", "fine", "names no reviewer"),
        ("Approve", "ada", " ", "gives no reason"),
        ("approve", "ada", "fine", "'Approve' or 'Reject'"),
        ("", "ada", "fine", "'Approve' or 'Reject'"),
        ("Rollback", "ada", "fine", "'Approve' or 'Reject'"),
    ],
)
def test_an_answer_that_cannot_count_is_refused(answer: str, reviewer: str, reason: str, message: str) -> None:
    with pytest.raises(DecisionError, match=message):
        decision.outcome(answer, reviewer, reason)


NEW, SAME_DAY, CHAMPION = registered("3", "2026-11-23"), registered("4", "2026-11-23"), registered("2", "2026-11-16")


def reviewed_against(champion: str | None) -> Version:
    """Version 3, approved on a review that saw this champion."""
    decided = Decision(
        APPROVE, "3", "2026-11-23", "ada", "because", "2026-11-23T10:00:00.000000Z", "run", SEEN, champion
    )
    return Version("3", {"galley.ds": "2026-11-23", **decided.tags()})


@pytest.mark.parametrize(
    ("seen", "now"),
    [
        ("", None),
        ("2", CHAMPION),
        (None, CHAMPION),
        pytest.param("2", NEW, id="a promotion that is done again"),
        pytest.param("", NEW, id="a first promotion that is done again"),
    ],
)
def test_the_champion_of_the_review_may_be_followed(seen: str | None, now: Version | None) -> None:
    assert blocker(reviewed_against(seen), now, NEW) is None


@pytest.mark.parametrize(
    ("seen", "now", "message"),
    [
        ("", CHAMPION, "no version was the champion; now version 2 is"),
        ("1", CHAMPION, "version 1 was the champion; now version 2 is"),
        ("2", None, "version 2 was the champion; now no version is"),
    ],
)
def test_a_champion_that_the_review_did_not_see_is_not_replaced(seen: str, now: Version | None, message: str) -> None:
    said = blocker(reviewed_against(seen), now, NEW)
    assert said is not None
    assert message in said
    assert "Clear weekly of 2026-11-23 from judge on" in said


@pytest.mark.parametrize(
    ("candidate", "champion", "challenger"),
    [
        (NEW, None, NEW),
        (NEW, CHAMPION, NEW),
        (NEW, CHAMPION, None),
        (SAME_DAY, NEW, SAME_DAY),
        pytest.param(NEW, NEW, SAME_DAY, id="a promotion that is done again"),
    ],
)
def test_an_approved_version_may_become_champion(
    candidate: Version, champion: Version | None, challenger: Version | None
) -> None:
    assert blocker(candidate, champion, challenger) is None


@pytest.mark.parametrize(
    ("candidate", "champion", "challenger", "changed", "message"),
    [
        (NEW, CHAMPION, NEW, ["data/val.csv"], r"changed since: data/val\.csv"),
        (NEW, CHAMPION, NEW, ["4_judge.html", "galley.toml"], r"changed since: 4_judge\.html, galley\.toml"),
        (registered("3", "2026-11-09"), CHAMPION, NEW, [], "older than the champion"),
        (NEW, SAME_DAY, NEW, [], "older than the champion"),
        (NEW, CHAMPION, SAME_DAY, [], "Version 4 has become the challenger"),
    ],
)
def test_a_version_may_not_become_champion(
    candidate: Version,
    champion: Version,
    challenger: Version,
    changed: Sequence[str],
    message: str,
) -> None:
    with pytest.raises(DecisionError, match=message):
        raise DecisionError(blocker(candidate, champion, challenger, changed))


def test_an_approval_that_names_no_report_of_the_review_counts_for_nothing() -> None:
    decided = decision.recorded(NEW.tags)
    assert decided is not None
    unbound = replace(decided, digests={"model": "aaa"})
    said = decision.promotion_blocker(NEW, unbound, CHAMPION, NEW, [], MODEL)
    assert said is not None
    assert "approved without the report of its review" in said


def test_a_decision_reads_back_from_its_tags_as_it_was() -> None:
    taken = Decision(APPROVE, "3", "2026-11-23", "Zoë", "„gut“", "2026-11-23T10:00:00.000000Z", "run", SEEN)
    assert decision.recorded(taken.tags()) == taken
