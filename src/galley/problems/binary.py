"""Binary: two classes, 0 and 1. What is predicted is the probability of 1, an array of one dimension."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from galley.contract.learnable import check_classes
from galley.errors import ParameterError
from galley.problems.problem import Array, Metric, Numbers, Problem, Statistic, as_numbers, refused
from galley.problems.weighted import Ranking, calibration_error, mean_of, share

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_EPS = np.finfo(float).eps


@dataclass(frozen=True)
class Binary(Problem):
    """Two classes. From `threshold` on, a row is predicted to be 1.

    ROC AUC and PR AUC judge the ranking, log loss and Brier the probabilities themselves, and precision, recall and F1
    the prediction (0 where no row is predicted to be 1). The calibration error is how far, in tenths of probability,
    the mean probability and the share of 1 are apart on average. `classes` may name what 0 and 1 mean.
    """

    threshold: float = 0.5

    metrics: ClassVar[Mapping[str, Metric]] = {
        "roc_auc": Metric("ROC AUC"),
        "pr_auc": Metric("PR AUC"),
        "log_loss": Metric("log loss", lower_is_better=True),
        "brier": Metric("Brier score", lower_is_better=True),
        "calibration_error": Metric("calibration error", lower_is_better=True),
        "precision": Metric("precision"),
        "recall": Metric("recall"),
        "f1": Metric("F1"),
    }
    key: ClassVar[str] = "roc_auc"
    chance: ClassVar[float] = 0.5
    against_baseline: ClassVar[tuple[str, ...]] = ("log_loss", "brier")
    loss_metric: ClassVar[str] = "brier"
    level: ClassVar[str] = ".1%"
    bounds: ClassVar[tuple[float, float] | None] = (0.0, 1.0)

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ParameterError(f"threshold is {self.threshold}. Give a probability between 0 and 1.")

    def check_target(self, target: pd.Series, name: str) -> None:
        """Raises ContractBreach unless there are two rows of each class."""
        check_classes(target, name)

    def checked(self, said: Any, rows: int) -> Array:
        """The probability of 1, from that itself or from a column for each class."""
        values = as_numbers(said, rows)
        if values.shape[1:] not in ((), (1,), (2,)):
            raise refused(f"it gives {values.shape[1:]} values for a row, and there are two classes.")
        return probabilities(values.reshape(rows, -1))[:, -1]

    def raw_prediction(self, model: Any, rows: Any) -> Any:
        """Its probabilities. Raises ModelNotFound if its classes are not 0 and 1, in that order."""
        require_classes(model, (0, 1))
        return super().raw_prediction(model, rows)

    def scores(self, target: Any, predicted: Array) -> dict[str, float]:
        """Every metric; the rankings are not a number where there is one class alone."""
        from sklearn import metrics

        target = np.asarray(target).astype(int)
        called = predicted >= self.threshold
        both = 0 < target.sum() < len(target)
        apart = np.bincount(tenths(predicted), target - predicted)
        return {
            "roc_auc": float(metrics.roc_auc_score(target, predicted)) if both else float("nan"),
            "pr_auc": float(metrics.average_precision_score(target, predicted)) if target.any() else float("nan"),
            "log_loss": float(metrics.log_loss(target, predicted, labels=[0, 1])),
            "brier": float(metrics.brier_score_loss(target, predicted, labels=[0, 1])),
            "calibration_error": float(np.abs(apart).sum() / len(target)),
            "precision": float(metrics.precision_score(target, called, zero_division=0)),
            "recall": float(metrics.recall_score(target, called, zero_division=0)),
            "f1": float(metrics.f1_score(target, called, zero_division=0)),
        }

    def statistics(self, target: Any, predicted: Array) -> Mapping[str, Statistic]:
        """Every metric of resamples; a resample of one class has no ROC AUC."""
        target = np.asarray(target, dtype=float)
        ranking = Ranking(target, predicted)
        called = (predicted >= self.threshold).astype(float)
        surely = np.clip(predicted, _EPS, 1 - _EPS)
        found = target * called
        return {
            "roc_auc": ranking.roc_auc,
            "pr_auc": ranking.pr_auc,
            "log_loss": mean_of(-(target * np.log(surely) + (1 - target) * np.log1p(-surely))),
            "brier": mean_of(self.loss(target, predicted)),
            "calibration_error": calibration_error(target, predicted, tenths(predicted)),
            "precision": lambda weights: share(weights @ found, weights @ called, of_nothing=0),
            "recall": lambda weights: share(weights @ found, weights @ target, of_nothing=0),
            "f1": lambda weights: share(2 * (weights @ found), weights @ (called + target), of_nothing=0),
        }

    def loss(self, target: Any, predicted: Array) -> Numbers:
        """The squared error of the probability: its mean is the Brier score."""
        return (np.asarray(target, dtype=float) - predicted) ** 2

    def baseline(self, target: Any) -> Array:
        """The share of 1, for every row."""
        target = np.asarray(target, dtype=float)
        return np.full(len(target), target.mean())

    def frame(self, predicted: Array) -> pd.DataFrame:
        """`probability`, of 1, and `prediction`, 0 or 1."""
        return pd.DataFrame(
            {"probability": predicted, "prediction": (predicted >= self.threshold).astype("int64")}, copy=False
        )

    def read(self, rows: pd.DataFrame) -> Array:
        """The column `probability`."""
        return np.asarray(rows["probability"], dtype=float)

    def number(self, predicted: Array) -> Numbers:
        """The probability of 1."""
        return predicted

    def outcome(self, target: Any, predicted: Array) -> Numbers:  # noqa: ARG002
        """0 or 1."""
        return np.asarray(target, dtype=float)

    def figure(self, target: Any, models: Mapping[str, Array]) -> "Figure":
        """ROC curve, PR curve, calibration and the distribution of the probabilities."""
        from galley.problems.figures import binary

        return binary(np.asarray(target).astype(int), models, self.classes or ("0", "1"), self.threshold)


def tenths(probability: Array) -> Array:
    """Which tenth each probability lies in, 0 to 9; an edge belongs to the tenth below it, as in scikit-learn."""
    places: Array = np.searchsorted(np.linspace(0, 1, 11)[1:-1], probability)
    return places


def probabilities(values: Numbers) -> Numbers:
    """The values, which are probabilities. Raises ModelNotFound if one is not from 0 to 1."""
    outside = np.flatnonzero(((values < 0) | (values > 1)).any(axis=1))
    if outside.size:
        raise refused(f"{outside.size} of {len(values)} rows have a probability below 0 or above 1.")
    return values


def require_classes(model: Any, classes: tuple[Any, ...]) -> None:
    """Raises ModelNotFound if a model says which classes it gives probabilities of, and they are not these."""
    has = getattr(model, "classes_", None)
    given, wanted = [as_text(value) for value in (() if has is None else has)], [as_text(value) for value in classes]
    if has is not None and given != wanted:
        raise refused(
            f"it gives probabilities of {', '.join(given)}, in this order, and the project's classes are "
            f"{', '.join(wanted)}."
        )


def as_text(value: Any) -> str:
    """A class as galley.toml names it: 1 for 1.0, True and numpy's 1."""
    value = value.item() if hasattr(value, "item") else value
    return str(int(value)) if isinstance(value, bool | float) and value == value // 1 else str(value)
