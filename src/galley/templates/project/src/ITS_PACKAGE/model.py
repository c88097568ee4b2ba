"""Model: what learns, from which columns, and what it is for."""

from sklearn.pipeline import Pipeline

from galley.training import tabular
from ITS_PACKAGE.source import FEATURES as FEATURES

ITS_IMPORT

PURPOSE = {
    "what": "Say here what the model tells, in a sentence.",
    "intended_use": "Say who uses it for what, and what it is not for.",
    "limits": "Say what it cannot know.",
}
"""For the model card."""


def build(seed: int) -> Pipeline:
    """The pipeline that is not fitted yet."""
    return tabular(ITS_ESTIMATOR, FEATURES, [], linear=True)
