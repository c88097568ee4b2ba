"""Which model predicts a day, on a registry of MLflow's own."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime

import pytest
from mlflow import MlflowClient

from galley.days import Day, date_stamp
from galley.errors import DecisionError, ModelNotFound, ParameterError
from galley.registry import journal
from galley.registry.selection import choose
from galley.registry.versions import Registered
from galley.settings import Settings

TODAY = date(2026, 11, 30)


@pytest.fixture
def two_periods(client: MlflowClient, settings: Settings, promote: Callable[[str], Day]) -> Settings:
    """Version 1 became champion on the 16th, version 2 on the 23rd."""
    for ds in ("2026-11-16", "2026-11-23"):
        promote(ds)
        *before, entry = Registered(client, settings).journal
        client.delete_registered_model_tag(settings.model.name, entry.tag()[0])
        moved = replace(entry, since=f"{ds}T10:00:00.000000Z")
        client.set_registered_model_tag(settings.model.name, *moved.tag())
        client.set_model_version_tag(settings.model.name, moved.version, *journal.last_moves_tag([*before, moved]))
    assert [entry.version for entry in Registered(client, settings).journal] == ["1", "2"]
    return settings


@pytest.mark.parametrize(
    ("ds", "as_of", "version", "why"),
    [
        ("2026-11-16", "day", "1", "the champion when 2026-11-16 ended: Approve by ada at 2026-11-16T10"),
        ("2026-11-22", "day", "1", "the champion when 2026-11-22 ended"),
        ("2026-11-23", "day", "2", "the champion when 2026-11-23 ended: Approve by ada at 2026-11-23T10"),
        ("2026-11-30", "day", "2", "the current champion, as the day is not over"),
        ("2026-12-24", "day", "2", "the current champion, as the day is not over"),
        ("2026-11-16", "now", "2", 'the current champion, as model_as_of is "now"'),
        ("2013-01-01", "now", "2", 'the current champion, as model_as_of is "now"'),
    ],
)
def test_a_day_is_predicted_by_the_champion_of_its_end(
    two_periods: Settings, ds: str, as_of: str, version: str, why: str
) -> None:
    chosen = choose(Day.of(ds, two_periods), "champion", as_of, TODAY)
    assert chosen.model.version == version
    assert chosen.why.startswith(why)


def test_blank_is_the_champion_too(two_periods: Settings) -> None:
    assert choose(Day.of("2026-11-20", two_periods), " ", "day", TODAY).model.version == "1"


def test_what_the_champion_carries_is_enough_for_the_days_it_tells_of(
    two_periods: Settings, client: MlflowClient
) -> None:
    for entry in Registered(client, two_periods).journal:
        client.delete_registered_model_tag(two_periods.model.name, entry.tag()[0])
    assert choose(Day.of("2026-11-20", two_periods), "champion", "day", TODAY).model.version == "1"
    assert choose(Day.of("2026-11-24", two_periods), "champion", "day", TODAY).model.version == "2"


def test_a_day_before_the_moves_that_the_champion_carries_is_looked_up_in_the_whole_journal(
    two_periods: Settings, client: MlflowClient
) -> None:
    moves = Registered(client, two_periods).journal
    client.set_model_version_tag(two_periods.model.name, "2", *journal.last_moves_tag(moves[-1:]))
    assert choose(Day.of("2026-11-20", two_periods), "champion", "day", TODAY).model.version == "1"


def test_a_champion_that_carries_nothing_is_looked_up_in_the_whole_journal(
    two_periods: Settings, client: MlflowClient
) -> None:
    client.delete_model_version_tag(two_periods.model.name, "2", journal.LAST_MOVES_TAG)
    assert choose(Day.of("2026-11-20", two_periods), "champion", "day", TODAY).model.version == "1"
    assert choose(Day.of("2026-11-24", two_periods), "champion", "day", TODAY).model.version == "2"


def test_a_day_before_the_first_champion_is_refused_with_the_way_to_predict_it(two_periods: Settings) -> None:
    told = r'When .* there was no champion; the first came at 2026-11-16.* as {}, .* model_as_of set to "now"'
    for ds, at in {"2026-11-15": "2026-11-15T12:00Z", "2026-11-15T0600": r"2026-11-15T06:00:00\.5Z"}.items():
        with pytest.raises(ModelNotFound, match=told.format(at)):
            choose(Day.of(ds, two_periods), "champion", "day", TODAY)
        of_run = datetime.fromisoformat(at.replace("\\", ""))
        assert date_stamp(of_run, is_one_of_several="T" in ds) == ds


@pytest.mark.parametrize("as_of", ["day", "now"])
def test_before_any_promotion_it_is_said_how_to_get_a_champion(settings: Settings, as_of: str) -> None:
    with pytest.raises(ModelNotFound, match="Have one approved"):
        choose(Day.of("2026-11-15", settings), "champion", as_of, TODAY)


def test_a_model_that_is_named_predicts_any_day(two_periods: Settings) -> None:
    uri = f"models:/{two_periods.model.name}/2"
    chosen = choose(Day.of("2013-01-01", two_periods), uri, "day", TODAY)
    assert (chosen.model.version, chosen.why) == ("2", f"model_uri names {uri}: not by a recorded decision")


def test_a_model_that_is_named_predicts_only_where_the_project_allows_it(two_periods: Settings) -> None:
    text = two_periods.project_file.read_text().replace("pinned = true\n", "")
    two_periods.project_file.write_text(text)
    strict = Settings.from_environment({"GALLEY_HOME": str(two_periods.home)})
    with pytest.raises(DecisionError, match="allow it there: pinned = true in"):
        choose(Day.of("2013-01-01", strict), f"models:/{strict.model.name}/2", "day", TODAY)
    assert choose(Day.of("2013-01-01", strict), "", "now", TODAY).decision.startswith("2:")


def test_a_champion_set_behind_the_records_back_predicts_none_of_its_days(
    two_periods: Settings, client: MlflowClient
) -> None:
    client.set_registered_model_alias(two_periods.model.name, "champion", "1")
    with pytest.raises(DecisionError, match="outside galley"):
        choose(Day.of("2026-11-24", two_periods), "champion", "day", TODAY)
    assert choose(Day.of("2026-11-17", two_periods), "champion", "day", TODAY).model.version == "1"


def test_a_rollback_ends_a_reign(two_periods: Settings, client: MlflowClient) -> None:
    entry = journal.Entry("2026-11-25T08:00:00.000000Z", "1", "Rollback", "grace", "worse", "run")
    client.set_registered_model_tag(two_periods.model.name, *entry.tag())
    client.set_registered_model_alias(two_periods.model.name, "champion", "1")
    found = [
        choose(Day.of(ds, two_periods), "champion", "day", TODAY).model.version for ds in ("2026-11-24", "2026-11-25")
    ]
    assert found == ["2", "1"]


def test_another_time_is_refused(settings: Settings) -> None:
    with pytest.raises(ParameterError, match=r"model_as_of is 'then'\. Give .day. or .now."):
        choose(Day.of("2026-11-20", settings), "champion", "then", TODAY)
