"""Contenders: the two models that a review compares, as the registry has them."""

from dataclasses import dataclass

from galley.days import Day
from galley.errors import DecisionError, ModelNotFound
from galley.problems.predictor import Predictor
from galley.problems.problem import Problem
from galley.registry.models import CHAMPION, Model, resolve
from galley.registry.versions import Registered


@dataclass(frozen=True)
class Contenders:
    """A day's challenger, and the champion that it is compared with.

    `champion` is None where there is none to compare with; `compared_with` says in a sentence with what instead.
    `champion_at_review` is the version that the registry has in production, whoever decided on it; blank if none is.
    """

    challenger: Model
    champion: Model | None
    compared_with: str
    champion_at_review: str

    def predictors(self, problem: Problem) -> dict[str, Predictor]:
        """What asks each, by a name with its version; the challenger first."""
        found = {f"challenger, version {self.challenger.version}": self.challenger.predictor(problem)}
        if self.champion is not None:
            found[f"champion, version {self.champion.version}"] = self.champion.predictor(problem)
        return found


def contenders(day: Day, registered: Registered) -> Contenders:
    """The challenger that was registered for the day, and the champion. Raises DecisionError if there is none of it."""
    settings, champion = day.settings, None
    in_production = registered.alias(CHAMPION)
    challenger = resolve(f"models:/{settings.model.name}/{registered.of_day(day.ds).version}", settings)
    try:
        champion = resolve(CHAMPION, settings)
        compared_with = f"The champion is version {champion.version}."
        if champion.version == challenger.version:
            champion, compared_with = None, f"Version {challenger.version} is the champion already."
    except ModelNotFound:
        compared_with = "There is no champion yet: the challenger is compared with the baseline."
    except DecisionError as refusal:
        compared_with = f"The champion is not compared with, as nobody decided on it: {refusal}"
    return Contenders(challenger, champion, compared_with, in_production.version if in_production else "")
