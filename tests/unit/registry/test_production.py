"""Production is what was decided last, or it is a finding: whoever reaches MLflow can move an alias."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from mlflow import MlflowClient
from tiny_model import roll_back

from galley import cli
from galley.days import Day
from galley.proof.chain import Chain
from galley.proof.check import Kind
from galley.proof.keys import TrustedKeys
from galley.proof.verify import verify_statements
from galley.registry import journal, production
from galley.registry.approval import chain_of
from galley.registry.production import verify_production, verify_tags
from galley.settings import Settings

Make = Callable[..., Day]


@pytest.fixture
def long_after(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every approval was made long ago."""
    monkeypatch.setattr(production, "_CARRIED_OUT", timedelta(0))


@pytest.fixture
def two(promote: Make, long_after: None) -> list[Day]:
    """Two versions, of which the second followed the first into production."""
    return [promote("2026-11-16"), promote("2026-11-23")]


def problems(settings: Settings) -> list[str]:
    """What is wrong with production."""
    return [found.problem for found in verify_production(settings) if found.kind is Kind.PRODUCTION]


def test_before_anything_was_decided_nothing_is_found(settings: Settings) -> None:
    assert verify_production(settings) == []


def test_what_was_promoted_or_rolled_back_to_is_in_order(settings: Settings, two: list[Day]) -> None:
    assert verify_production(settings) == []
    roll_back(two[1])
    assert verify_production(settings) == []


def test_a_model_of_a_day_that_was_trained_anew_can_come_back_and_is_in_order(
    settings: Settings, promote: Make
) -> None:
    day = promote("2026-11-23")
    promote("2026-11-23")
    roll_back(day)
    assert verify_production(settings) == []
    assert verify_statements(day, [chain_of(settings)], TrustedKeys.read(settings.keys)) == []
    (day.models / "MLmodel").write_text("other")
    assert [finding.name for finding in verify_production(settings)] == [f"data/models/{day.ds}/MLmodel"]


def test_a_champion_that_was_moved_outside_galley_is_found(
    settings: Settings, client: MlflowClient, two: list[Day]
) -> None:
    client.set_registered_model_alias(settings.model.name, "champion", "1")
    (problem,) = problems(settings)
    assert "Version 1" in problem
    assert "was made champion outside galley: by record it is version 2" in problem


def test_it_is_found_too_where_the_journal_was_written_to_match(
    settings: Settings, client: MlflowClient, two: list[Day]
) -> None:
    client.set_registered_model_alias(settings.model.name, "champion", "1")
    moves = [journal.Entry("2026-11-24T00:00:00.000000Z", "1", "Approve", "ada", "it is better", "manual__1")]
    client.set_model_version_tag(settings.model.name, "1", *journal.last_moves_tag(moves))
    (problem,) = problems(settings)
    assert "The champion is version 1, and ada approved version 2" in problem


def test_a_champion_that_was_taken_away_is_found(settings: Settings, client: MlflowClient, two: list[Day]) -> None:
    client.delete_registered_model_alias(settings.model.name, "champion")
    assert "The champion is no version, and ada approved version 2" in problems(settings)[0]


def test_an_approval_that_was_not_carried_out_is_found_and_not_while_it_is_being_carried_out(
    settings: Settings, promote: Make, approve: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    promote("2026-11-16")
    approve("2026-11-23")
    assert problems(settings) == []
    monkeypatch.setattr(production, "_CARRIED_OUT", timedelta(0))
    assert "The champion is version 1, and ada approved version 2" in problems(settings)[0]


def test_an_older_model_that_is_approved_after_a_newer_one_is_not_missed(
    settings: Settings, promote: Make, approve: Make, long_after: None
) -> None:
    promote("2026-11-23")
    approve("2026-11-16")
    assert problems(settings) == []


def test_a_champion_that_was_moved_is_found_though_the_statements_were_changed_too(
    settings: Settings, client: MlflowClient, two: list[Day]
) -> None:
    client.set_registered_model_alias(settings.model.name, "champion", "1")
    chain_of(settings).folder.joinpath("000001.json").unlink()
    assert [found.kind for found in verify_production(settings)] == [Kind.UNSIGNED, Kind.PRODUCTION]


def test_evidence_and_statements_that_were_changed_are_found(settings: Settings, two: list[Day]) -> None:
    (two[0].models / "MLmodel").write_bytes(b"another")
    assert [found.kind for found in verify_production(settings)] == [Kind.CHANGED]
    Chain.of(settings.outputs, settings.model.name).folder.joinpath("000001.json").unlink()
    assert {found.kind for found in verify_production(settings)} == {Kind.UNSIGNED}


def test_tags_that_are_not_what_was_signed_are_found(settings: Settings, client: MlflowClient, two: list[Day]) -> None:
    name = settings.model.name
    assert tag_problems(settings) == []
    client.set_model_version_tag(name, "1", "galley.reason", "it is cheaper")
    client.set_model_version_tag(name, "2", "galley.decision", "Reject")
    assert sorted(tag_problems(settings)) == [
        f"models:/{name}/1 has a tag galley.reason that is not what statement 1 says",
        f"models:/{name}/2 has a tag galley.decision that is not what statement 2 says",
    ]


@pytest.mark.parametrize("record", ["{", "{}", "[]", '{"statement": "9:x"}'])
def test_a_record_of_a_decision_that_nobody_signed_is_found(
    settings: Settings, client: MlflowClient, two: list[Day], record: str
) -> None:
    client.set_model_version_tag(settings.model.name, "2", "galley.record", record)
    (problem,) = tag_problems(settings)
    assert problem.endswith("/2 has a tag galley.record of a decision that nobody signed")


def test_tags_that_were_taken_away_are_found(settings: Settings, client: MlflowClient, two: list[Day]) -> None:
    for tag in ("galley.statement", "galley.decision", "galley.record"):
        client.delete_model_version_tag(settings.model.name, "1", tag)
    (problem,) = tag_problems(settings)
    assert problem.endswith("/1 has no tag of the decision that a signed statement has")


def test_after_a_rollback_tags_are_what_was_signed(settings: Settings, two: list[Day]) -> None:
    roll_back(two[1])
    assert tag_problems(settings) == []


def test_the_command_verifies_a_version_with_its_tags(
    settings: Settings,
    client: MlflowClient,
    two: list[Day],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GALLEY_HOME", str(settings.home))
    assert cli.main(["verify", "2"]) == 0
    assert f"version 2 of {settings.model.name}: Approve by ada" in capsys.readouterr().out
    client.set_model_version_tag(settings.model.name, "2", "galley.reviewer", "grace")
    assert cli.main(["verify", "1"]) == 0
    assert cli.main(["verify", "2", "--json"]) == 1
    printed = capsys.readouterr().out
    assert "galley.reviewer that is not what statement 2 says" in printed[printed.index("{") :]
    assert cli.main(["verify"]) == 1
    assert "galley.reviewer that is not what statement 2 says" in capsys.readouterr().out
    assert cli.main(["verify", "9"]) == 1
    assert "no signed statement about version 9" in capsys.readouterr().err


def test_where_mlflow_is_away_the_rest_is_verified_and_it_is_said(
    two: list[Day], settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GALLEY_HOME", str(settings.home))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert cli.main(["verify"]) == 75
    said = capsys.readouterr().out
    assert f"The tags of {settings.model.name} in MLflow were not compared: The model registry at" in said
    assert "models: 1, findings: 0" in said


def tag_problems(settings: Settings) -> list[str]:
    """What is wrong with the tags, and by whose."""
    statements = chain_of(settings).read(TrustedKeys.read(settings.keys))
    return [f"{found.name} {found.problem}" for found in verify_tags(settings, statements)]
