"""A decision: who let which model version into production or kept it out, when, why, and on which evidence."""

from collections.abc import Mapping

APPROVE = "Approve"
REJECT = "Reject"
NO_ANSWER = "Reject by no answer"
ROLLBACK = "Rollback"

DS_TAG = "galley.ds"
DECISION_TAG = "galley.decision"
DIGEST_TAG = "galley.digest."
"""Tags of a model version; a digest's tag ends in the name of what it is the digest of."""


def is_approved(tags: Mapping[str, str]) -> bool:
    """Whether a version's tags hold a recorded approval."""
    return tags.get(DECISION_TAG) == APPROVE
