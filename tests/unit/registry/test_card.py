"""The model card says what the stages concluded and who decided, fits into MLflow, and knows when it was used."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from mlflow import MlflowClient
from shapes import Shape
from tiny_model import answer, register, roll_back

from galley.days import Day
from galley.proof.decision import Decision, recorded
from galley.registry import card, promotion, versions
from galley.registry.card import LIMIT, Origin, Purpose
from galley.registry.journal import Entry
from galley.settings import Settings

Make = Callable[..., Day]

PURPOSE = Purpose("Says who is late.", "For looking\nahead.", "It knows one day.", ["hour", "temp"])
ORIGIN = Origin("1", "abc", ["numpy==2.4.0"], {"data/rows.csv": "dd" * 32}, "c0ffee", "3.11.7", "it runs *code*")
TRAINING = ["Days: 2026-11-22, 2026-11-23"]
DECISION = Decision("Approve", "2", "2026-11-23", "ada", "it is better", "2026-11-23T10:00:00.000000Z", "run", {})
REVIEW: dict[str, Any] = {
    "version": "2",
    "champion_version": "1",
    "verdict": "neutral",
    "rows": 1545,
    "differences": {
        "brier": {
            "label": "Brier score (lower is better)",
            "new": 0.1656,
            "old": 0.2279,
            "difference": "better (-0.087 to -0.039)",
        },
        "roc_auc": {"label": "ROC AUC", "new": 0.7083, "old": 0.5658, "difference": "noise (-0.076 to +0.221)"},
    },
    "checks": {"ROC AUC": True, "validation rows": False},
    "worse_slices": ["carrier AA", "hour 6"],
}


@pytest.fixture
def day(settings: Settings, shape: Shape) -> Day:
    """A day whose review concluded something."""
    found = Day.of("2026-11-23", settings)
    shape.conclude(found, shape.review, **REVIEW)
    shape.leave_reports(found, shape.stages)
    return found


@pytest.fixture
def decision(shape: Shape) -> Decision:
    """An approval of version 2."""
    reports = {f"{shape.review}.ipynb": "cc" * 32, f"{shape.review}.html": "ee" * 32}
    return replace(DECISION, digests={"model": "aa" * 32, "data/held.csv": "bb" * 32, **reports})


def composed(day: Day, decision: Decision = DECISION, purpose: Purpose = PURPOSE, base: str = "") -> str:
    return card.compose(day, decision, purpose, ORIGIN, TRAINING, base)


@pytest.mark.parametrize(
    "line",
    [
        "Says who is late.",
        "**Approve** by ada, 2026-11-23 10:00 UTC:",
        "> it is better",
        "For looking ahead.",
        "- Days: 2026-11-22, 2026-11-23",
        f"- data/rows.csv, SHA-256: `{'dd' * 32}`",
        f"- data/held.csv, SHA-256: `{'bb' * 32}`",
        "| on 1,545 rows | this version | champion, version 1 | difference |",
        "| ROC AUC | 0.7083 | 0.5658 | noise (-0.076 to +0.221) |",
        "Checks: neutral; not passed: validation rows.",
        "Worse than what it was compared with on: carrier AA, hour 6.",
        "`hour`, `temp`",
        f"- Model, SHA-256: `{'aa' * 32}`",
        f"- Review, SHA-256: `{'cc' * 32}`",
        f"- Its page, SHA-256: `{'ee' * 32}`",
        "- Commit: `c0ffee`",
        "- Libraries: Python 3.11.7, numpy==2.4.0",
        "- Format: **it runs \\*code\\***",
    ],
)
def test_the_card_says(day: Day, decision: Decision, line: str) -> None:
    assert line in composed(day, decision).splitlines()


def test_the_card_leads_to_the_reports_up_to_the_review(day: Day, shape: Shape) -> None:
    pages = [f"[{stage}](#/experiments/1/runs/abc/artifacts/reports/{stage}.html)" for stage in shape.stages]
    reviewed = shape.stages.index(shape.review) + 1
    assert ", ".join(pages[:reviewed]) in composed(day).splitlines()
    assert pages[reviewed] not in composed(day)


def test_links_from_elsewhere_lead_to_mlflow(day: Day) -> None:
    assert "](http://mlflow/#/experiments/1/runs/abc/" in composed(day, base="http://mlflow/")


def test_a_review_of_another_version_says_nothing_of_this_one(day: Day) -> None:
    text = composed(day, replace(DECISION, version="3"))
    assert "No review of this version was recorded." in text
    assert "0.7083" not in text


def test_without_a_champion_it_is_compared_with_the_baseline(day: Day, shape: Shape) -> None:
    shape.conclude(day, shape.review, **{**REVIEW, "champion_version": None, "worse_slices": []})
    text = composed(day)
    assert "| this version | baseline | difference |" in text
    assert "No slice got worse by more than noise." in text


def test_stages_that_were_run_by_hand_leave_a_card_too(settings: Settings) -> None:
    text = card.compose(Day.of("2026-11-23", settings), replace(DECISION, digests={}), PURPOSE, Origin("1", "abc"))
    assert "No review of this version was recorded." in text
    assert "SHA-256" not in text


@pytest.mark.parametrize(
    ("what", "features", "reason"),
    [
        ("short", ["a"] * 500, "x" * 50_000),
        ("|" * 9_000, ["a"], "because"),
        ("line\n" * 3_000, ["a very long name of a column " * 20] * 200, "* " * 9_000),
    ],
)
def test_a_card_fits_into_mlflow_whatever_is_said(day: Day, what: str, features: Sequence[str], reason: str) -> None:
    text = composed(day, replace(DECISION, reason=reason), replace(PURPOSE, what=what, features=features))
    assert len(text) <= LIMIT - 1000


def test_any_number_of_reigns_fits_beside_the_rest(client: MlflowClient, settings: Settings, promote: Make) -> None:
    promote("2026-11-23")
    look = versions.Registered(client, settings)
    look.journal = [
        Entry(f"2026-11-{day:02}T10:00:00.000000Z", str(1 + day % 2), "Approve", "*" * 400, "|" * 4000, "run")
        for day in range(1, 29)
    ]
    text = card.in_production(look, "1")
    assert text.startswith("- 11 times before")
    assert len(text) <= 950


def test_a_reason_is_text_and_no_markup(day: Day) -> None:
    text = composed(day, replace(DECISION, reason="# Rejected\n<b>see</b> [this](http://x)"))
    assert r"> \# Rejected \<b\>see\</b\> \[this\](http://x)" in text.splitlines()


def description(client: MlflowClient, settings: Settings, version: str) -> str:
    return client.get_model_version(settings.model.name, version).description or ""


def test_a_card_is_told_when_its_version_goes_into_production_and_when_it_leaves(
    client: MlflowClient, settings: Settings, approve: Make
) -> None:
    for ds in ("2026-11-16", "2026-11-23"):
        day = approve(ds)
        look = versions.Registered(client, settings)
        decided = recorded(look.of_day(ds).tags)
        assert decided is not None
        text = card.compose(day, decided, PURPOSE, card.origin(client, day))
        card.publish(client, look, decided.version, text, settings)
        assert description(client, settings, decided.version).endswith("It has not been in production.")
        promotion.promote(day, [[1.0, 1.0]])
    assert "- since" in description(client, settings, "2")
    assert "Approve by ada; ended: Approve by ada (it is better)" in description(client, settings, "1")
    roll_back(day)
    assert "ended: Rollback by grace (late flights were missed)" in description(client, settings, "2")
    first, last = description(client, settings, "1").splitlines()[-2:]
    assert "ended: Approve by ada" in first
    assert last.endswith("Rollback by grace")


def test_the_registered_model_says_what_is_in_production_below_what_somebody_wrote(
    client: MlflowClient, settings: Settings, promote: Make
) -> None:
    def said() -> str:
        return str(client.get_registered_model(settings.model.name).description)

    day = promote("2026-11-16")
    assert re.search(r"## In production\s+Version 1 since .* UTC: Approve by ada\. Each version has a card", said())
    client.update_registered_model(settings.model.name, f"Ours since 2019.{said()}")
    promote("2026-11-23")
    assert said().startswith("Ours since 2019.\n\n## In production\n\nVersion 2 since")
    roll_back(day, "1")
    assert "Version 1 since" in said()
    assert "Rollback by grace" in said()
    assert said().count("## In production") == 1


def test_a_description_that_somebody_else_wrote_is_left_alone(
    client: MlflowClient, settings: Settings, approve: Make
) -> None:
    day = approve("2026-11-23")
    client.update_model_version(settings.model.name, "1", "our own words")
    promotion.promote(day, [[1.0, 1.0]])
    assert description(client, settings, "1") == "our own words"


def test_where_a_model_comes_from_is_what_its_files_and_its_run_say(client: MlflowClient, train: Make) -> None:
    day = train("2026-11-23")
    found = card.origin(client, day)
    assert found.run == versions.training_run(day.models)
    assert "scikit-learn" in found.requirements
    assert (found.commit, found.learned_from) == ("", {})


def test_a_rejected_version_has_a_card_that_says_so(client: MlflowClient, settings: Settings, train: Make) -> None:
    day = train("2026-11-23")
    register(day, {})
    answer(day, "Reject", reason="too few late flights")
    decided = recorded(versions.Registered(client, settings).of_day(day.ds).tags)
    assert decided is not None
    text = card.compose(day, decided, PURPOSE, card.origin(client, day))
    assert "**Reject** by ada" in text
    assert "> too few late flights" in text
