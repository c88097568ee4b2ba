"""What a review compares: the day's challenger, and the champion if somebody decided on it."""

from collections.abc import Callable

import pytest
from mlflow import MlflowClient
from tiny_model import ROWS, TARGET, register

from galley.days import Day
from galley.errors import DecisionError
from galley.problems import Binary
from galley.registry.contenders import Contenders, contenders
from galley.registry.versions import Registered

Make = Callable[..., Day]


@pytest.fixture
def compare(client: MlflowClient) -> Callable[[Day], Contenders]:
    return lambda day: contenders(day, Registered(client, day.settings))


def test_the_first_has_no_champion_beside_it(train: Make, compare: Callable[[Day], Contenders]) -> None:
    day = train("2026-11-16")
    register(day, {})
    found = compare(day)
    assert (found.challenger.version, found.champion, found.champion_at_review) == ("1", None, "")
    assert found.compared_with.startswith("There is no champion yet")
    assert list(found.predictors(Binary())) == ["challenger, version 1"]


def test_the_next_is_compared_with_what_is_in_production(
    train: Make, promote: Make, compare: Callable[[Day], Contenders]
) -> None:
    promote("2026-11-16")
    day = train("2026-11-23")
    register(day, {})
    found = compare(day)
    assert found.champion is not None
    assert (found.challenger.version, found.champion.version, found.champion_at_review) == ("2", "1", "1")
    asked = found.predictors(Binary())
    assert list(asked) == ["challenger, version 2", "champion, version 1"]
    assert asked["champion, version 1"](ROWS).tolist() == found.champion.load().predict_proba(ROWS)[:, 1].tolist()
    assert len(TARGET) == len(asked["challenger, version 2"](ROWS))


def test_what_is_in_production_already_has_nothing_to_be_compared_with(
    promote: Make, compare: Callable[[Day], Contenders]
) -> None:
    found = compare(promote("2026-11-16"))
    assert (found.champion, found.champion_at_review) == (None, "1")
    assert found.compared_with == "Version 1 is the champion already."


def test_a_champion_that_nobody_decided_on_is_named_and_not_asked(
    train: Make, promote: Make, client: MlflowClient, compare: Callable[[Day], Contenders]
) -> None:
    promote("2026-11-16")
    forged, day = train("2026-11-20"), train("2026-11-23")
    client.set_registered_model_alias(forged.settings.model.name, "champion", register(forged, {}))
    register(day, {})
    found = compare(day)
    assert (found.champion, found.champion_at_review) == (None, "2")
    assert found.compared_with.startswith("The champion is not compared with, as nobody decided on it: ")


def test_a_day_without_a_version_is_refused_by_name(train: Make, compare: Callable[[Day], Contenders]) -> None:
    register(train("2026-11-16"), {})
    with pytest.raises(DecisionError, match=r"No version of .* is registered for 2026-11-23"):
        compare(Day.of("2026-11-23", train("2026-11-23").settings))
