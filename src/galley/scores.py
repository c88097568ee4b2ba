"""Scores: how good a binary classifier's probabilities are, on rows whose outcome is known."""

from typing import Any

NAMES = {
    "roc_auc": "ROC AUC",
    "pr_auc": "PR AUC",
    "log_loss": "log loss (lower is better)",
    "brier": "Brier score (lower is better)",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
}
"""What people call each score."""


def scores(target: Any, probability: Any, threshold: float) -> dict[str, float]:
    """The scores of probabilities for 0/1 targets, of which both must occur.

    ROC AUC and PR AUC judge the ranking, log loss and Brier the probabilities themselves, and precision, recall and F1
    the decision to call a row positive from `threshold` on (0 where nothing is called positive).
    """
    from sklearn import metrics

    called = probability >= threshold
    return {
        "roc_auc": float(metrics.roc_auc_score(target, probability)),
        "pr_auc": float(metrics.average_precision_score(target, probability)),
        "log_loss": float(metrics.log_loss(target, probability, labels=[0, 1])),
        "brier": float(metrics.brier_score_loss(target, probability)),
        "precision": float(metrics.precision_score(target, called, zero_division=0)),
        "recall": float(metrics.recall_score(target, called, zero_division=0)),
        "f1": float(metrics.f1_score(target, called, zero_division=0)),
    }
