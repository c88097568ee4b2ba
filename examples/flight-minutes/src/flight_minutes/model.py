"""Model: what learns, from which columns, and what it is for."""

from sklearn.linear_model import Ridge
from sklearn.pipeline import Pipeline

from galley.training import tabular

NUMBERS = ["left_late", "departure_minute", "scheduled_minutes", "distance"]
CATEGORIES = ["carrier", "origin", "dest"]
FEATURES = [*NUMBERS, *CATEGORIES]

PURPOSE = {
    "what": "How many minutes late a flight will arrive.",
    "intended_use": "Shows what galley does with a regression. Gates and pick-ups could be planned by it.",
    "limits": "Learns from days of 2013; knows no weather, and nothing of flights that never arrived.",
}
"""For the model card."""


def build(seed: int) -> Pipeline:
    """The pipeline that is not fitted yet."""
    return tabular(Ridge(alpha=10.0, random_state=seed), NUMBERS, CATEGORIES, linear=True)
