"""A model that is renamed in galley.toml while it has a champion: an error says so, and nothing of it is lost."""

from collections.abc import Callable

import pytest

from galley.days import Day
from galley.errors import ModelNotFound
from galley.registry.promotion import rollback_target
from galley.registry.selection import choose
from galley.settings import Settings

Make = Callable[[str], Day]


@pytest.fixture
def renamed(settings: Settings, promote: Make) -> Settings:
    """The project when galley.toml has another name for the model, whose first version is in production."""
    promote("2026-11-23")
    declared = settings.project_file.read_text()
    settings.project_file.write_text(declared.replace(f'"{settings.model.name}"', '"renamed"', 1))
    return Settings.from_environment({"GALLEY_HOME": str(settings.home)})


@pytest.mark.parametrize(
    "ask",
    [
        lambda settings: choose(Day.of("2026-11-23", settings), "champion", "day"),
        lambda settings: choose(Day.of("2099-01-01", settings), "champion", "day"),
        lambda settings: choose(Day.of("2026-11-23", settings), "champion", "now"),
        lambda settings: rollback_target(settings, ""),
    ],
)
def test_who_asks_for_a_champion_hears_which_one_there_is_and_what_to_do(
    renamed: Settings, settings: Settings, ask: Callable[[Settings], object]
) -> None:
    with pytest.raises(ModelNotFound) as raised:
        ask(renamed)
    assert f"MLflow has champions of {settings.model.name}, which galley.toml does not declare" in str(raised.value)
    assert "give it its former name" in str(raised.value)


def test_its_former_name_brings_it_back_as_it_was(renamed: Settings, settings: Settings) -> None:
    with pytest.raises(ModelNotFound):
        choose(Day.of("2099-01-01", renamed), "champion", "day")
    chosen = choose(Day.of("2099-01-01", settings), "champion", "day")
    assert (chosen.model.version, chosen.decision[:2]) == ("1", "1:")
