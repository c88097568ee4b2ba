"""Production: which model predicts a day, and why it is that one."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from galley.days import Day
from galley.errors import DecisionError, ModelNotFound, ParameterError
from galley.proof.decision import NOT_DECIDED
from galley.registry import journal
from galley.registry.journal import Entry
from galley.registry.models import CHAMPION, Model, registry_client, resolve
from galley.registry.versions import Registered
from galley.settings import Settings

DAY = "day"
NOW = "now"


@dataclass(frozen=True)
class Chosen:
    """A model that predicts a day, and in words because of what."""

    model: Model
    because: str

    @property
    def why(self) -> str:
        """Why it predicts the day, and whether loading it may run code that came with it."""
        return "; ".join(filter(None, (self.because, self.model.format.notice)))

    @property
    def decision(self) -> str:
        """The signed statement by which it may: its number among those about the model, and its digest."""
        return self.model.statement or NOT_DECIDED


def choose(day: Day, model_uri: str, as_of: str, today: date | None = None) -> Chosen:
    """The model that predicts a day. Blank or "champion" is the registry's champion; anything else names itself.

    With `as_of` "day" that is the champion at the end of the day, by the clock (UTC), so that a day predicted again
    gets the model it had; while the day is not over, and with "now", it is the current one. Raises ModelNotFound for
    a day that was over before there was any champion, DecisionError for a model that is not in production where
    galley.toml does not allow it, and what `galley.resolve` raises.
    """
    if as_of not in (DAY, NOW):
        raise ParameterError(f'model_as_of is {as_of!r}. Give "{DAY}" or "{NOW}".')
    if model_uri.strip() not in ("", CHAMPION):
        return _pinned(model_uri.strip(), day.settings)
    over = day.date < (today or datetime.now(UTC).date())
    moves = _moves(day) if as_of == DAY and over else []
    if not moves:
        return Chosen(_current(day.settings), _why_current(as_of, over))
    entry = journal.champion_on(moves, day.date)
    if entry is None:
        raise ModelNotFound(
            f"When {day} ended there was no champion; the first came at {moves[0].since}. To have the current champion "
            f"predict it, trigger {day.settings.model.predict} with a logical date of that day that has no run yet, as "
            f'{_another_time(day)}, and with the Param model_as_of set to "{NOW}".'
        )
    return Chosen(_champion(entry, moves, day.settings), _why_then(day, entry))


def _pinned(model_uri: str, settings: Settings) -> Chosen:
    model = settings.model
    if not model.pinned:
        raise DecisionError(
            f"model_uri names {model_uri}, which is not the champion by a decision, and {settings.project_file.name} "
            f'does not allow that. Set model_uri to "{CHAMPION}", or allow it there: pinned = true in '
            f"[models.{model.name}]."
        )
    return Chosen(resolve(model_uri, settings), f"model_uri names {model_uri}: {NOT_DECIDED}")


def _current(settings: Settings) -> Model:
    """The champion. Where there is none, the error says if the model may have had another name."""
    try:
        return resolve(CHAMPION, settings)
    except ModelNotFound as error:
        raise ModelNotFound(f"{error}{Registered(registry_client(settings), settings).renamed()}") from None


def _champion(entry: Entry, moves: list[Entry], settings: Settings) -> Model:
    """The version of an entry; by the alias if it is the current champion."""
    if entry == moves[-1]:
        return resolve(CHAMPION, settings)
    return resolve(f"models:/{settings.model.name}/{entry.version}", settings, was_champion=True)


def _moves(day: Day) -> list[Entry]:
    """The moves of the champion; none if no model was ever registered, of which `resolve` has more to say."""
    try:
        return Registered(registry_client(day.settings), day.settings).moves_up_to(day.date)
    except ModelNotFound:
        return []


def _another_time(day: Day) -> str:
    """A logical date of the same day: a DAG has one run for each, and a run that is cleared keeps its Params.

    Of a run that is one of several a day, it is in the same second.
    """
    _, _, time = day.ds.partition("T")
    return f"{day.date}T{time[:2]}:{time[2:4]}:{time[4:] or '00'}.5Z" if time else f"{day.date}T12:00Z"


def _why_current(as_of: str, over: bool) -> str:
    if as_of == NOW:
        return 'the current champion, as model_as_of is "now"'
    return "the current champion" if over else "the current champion, as the day is not over"


def _why_then(day: Day, entry: Entry) -> str:
    return f"the champion when {day} ended: {entry.decision} by {entry.by} at {entry.since}"
