"""Scores: how good a binary classifier's probabilities are, on rows whose outcome is known."""

from typing import Any

NAMES = {
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
    "log_loss": "log loss (lower is better)",
    "brier": "Brier score (lower is better)",
    "calibration_error": "calibration error (lower is better)",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
}
"""What people call each score."""


def scores(target: Any, probability: Any, threshold: float) -> dict[str, float]:
    """The scores of probabilities for 0/1 targets, of which both must occur.

    ROC AUC and PR AUC judge the ranking, log loss and Brier the probabilities themselves, and precision, recall and F1
    the decision to call a row positive from `threshold` on (0 where nothing is called positive). The calibration error
    is how far, in tenths of probability, the mean probability and the share of positives are apart on average.
    """
    import numpy as np
    from sklearn import metrics

    called = probability >= threshold
    return {
        "roc_auc": float(metrics.roc_auc_score(target, probability)),
        "pr_auc": float(metrics.average_precision_score(target, probability)),
        "log_loss": float(metrics.log_loss(target, probability, labels=[0, 1])),
        "brier": float(metrics.brier_score_loss(target, probability)),
        "calibration_error": float(np.abs(np.bincount(tenths(probability), target - probability)).sum() / len(target)),
        "precision": float(metrics.precision_score(target, called, zero_division=0)),
        "recall": float(metrics.recall_score(target, called, zero_division=0)),
        "f1": float(metrics.f1_score(target, called, zero_division=0)),
    }


def tenths(probability: Any) -> Any:
    """Which tenth each probability lies in, 0 to 9; an edge belongs to the tenth below it, as in scikit-learn."""
    import numpy as np

    return np.searchsorted(np.linspace(0, 1, 11)[1:-1], probability)
