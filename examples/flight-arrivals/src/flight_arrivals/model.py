"""Model: what learns, from which columns, and what it is for."""

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from galley.training import tabular

NUMBERS = ["left_late", "departure_minute", "scheduled_minutes", "distance"]
CATEGORIES = ["carrier", "origin", "dest"]
FEATURES = [*NUMBERS, *CATEGORIES]

PURPOSE = {
    "what": "Whether a flight will arrive early, on time or late.",
    "intended_use": "Shows what galley does with several classes. Gates could be planned by it.",
    "limits": "Learns from days of 2013; knows no weather, and nothing of flights that never arrived.",
}
"""For the model card."""


def build(seed: int) -> Pipeline:
    """The pipeline that is not fitted yet."""
    return tabular(LogisticRegression(C=0.1, max_iter=1000, random_state=seed), NUMBERS, CATEGORIES, linear=True)
