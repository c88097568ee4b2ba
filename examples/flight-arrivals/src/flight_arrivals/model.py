"""Model: what learns, from which columns, and what it is for."""

from sklearn.pipeline import Pipeline

from galley.training import tabular
from flight_arrivals.source import FEATURES as FEATURES

from sklearn.linear_model import LogisticRegression

PURPOSE = {
    "what": "Say here what the model tells, in a sentence.",
    "intended_use": "Say who uses it for what, and what it is not for.",
    "limits": "Say what it cannot know.",
}
"""For the model card."""


def build(seed: int) -> Pipeline:
    """The pipeline that is not fitted yet."""
    return tabular(LogisticRegression(C=0.1, max_iter=1000, random_state=seed), FEATURES, [], linear=True)
