"""Multiclass: one of three or more classes. What is predicted is a row of probabilities, in the classes' order."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from galley.contract.breach import Breach, raise_breaches
from galley.problems.binary import as_text, probabilities, require_classes, tenths
from galley.problems.problem import Array, Metric, Numbers, Problem, Statistic, as_numbers, refused
from galley.problems.weighted import Ranking, calibration_error, mean_of, share

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_EPS = np.finfo(float).eps
_SUM = 1e-3
"""How far from 1 the probabilities of a row may add up to: some libraries count in single precision."""


@dataclass(frozen=True)
class Multiclass(Problem):
    """One of `classes`, which galley.toml declares in the order of the model's probabilities, as texts.

    ROC AUC is the mean of each class against the others, balanced accuracy the mean recall, F1 the mean of the
    classes' F1: of the classes that occur in the rows, so that one that is absent on a day counts for nothing. The
    Brier score adds up the squared errors of a row. The calibration error is that of the class that is predicted.
    """

    metrics: ClassVar[Mapping[str, Metric]] = {
        "roc_auc": Metric("ROC AUC, one class against the others"),
        "log_loss": Metric("log loss", lower_is_better=True),
        "brier": Metric("Brier score", lower_is_better=True),
        "accuracy": Metric("accuracy"),
        "balanced_accuracy": Metric("balanced accuracy"),
        "f1": Metric("F1, mean of the classes"),
        "calibration_error": Metric("calibration error", lower_is_better=True),
    }
    key: ClassVar[str] = "roc_auc"
    chance: ClassVar[float] = 0.5
    against_baseline: ClassVar[tuple[str, ...]] = ("log_loss", "brier")
    loss_metric: ClassVar[str] = "brier"
    level: ClassVar[str] = ".1%"
    bounds: ClassVar[tuple[float, float] | None] = (0.0, 1.0)

    def check_target(self, target: pd.Series, name: str) -> None:
        """Raises ContractBreach for a value that is no declared class, and unless two classes have two rows each."""
        unknown = sorted({*target.dropna().map(as_text)} - {*self.classes})
        action = "Correct the data, or add the class to `classes` in galley.toml and train anew."
        breaches = [
            Breach(
                str(target.name),
                f"{value!r} is none of the declared classes",
                int((target.map(as_text) == value).sum()),
                action,
            )
            for value in unknown
        ]
        known = self._codes(target) if not unknown else np.empty(0, dtype="int64")
        if not breaches and (np.bincount(known, minlength=len(self.classes)) > 1).sum() < 2:
            problem = "fewer than two classes to learn from: no two of them have two rows"
            breaches = [Breach(str(target.name), problem, len(target), "Train on more days.")]
        if breaches:
            raise_breaches(breaches, name)

    def raw_prediction(self, model: Any, rows: Any) -> Any:
        """Its probabilities. Raises ModelNotFound if its classes are others, or in another order."""
        require_classes(model, self.classes)
        return super().raw_prediction(model, rows)

    def checked(self, said: Any, rows: int) -> Array:
        """A row of probabilities for each row."""
        values = as_numbers(said, rows)
        if values.shape != (rows, len(self.classes)):
            shape = values.shape[1:] or ("one",)
            raise refused(
                f"it gives {' by '.join(map(str, shape))} values for a row, and there are {len(self.classes)} classes."
            )
        sums = probabilities(values).sum(axis=1)
        if (far := np.abs(sums - 1) > _SUM).any():
            raise refused(f"for {far.sum()} of {rows} rows its probabilities do not add up to 1.")
        return values

    def scores(self, target: Any, predicted: Array) -> dict[str, float]:
        """Every metric; ROC AUC is not a number where there is one class alone."""
        from sklearn import metrics

        codes, called = self._codes(target), predicted.argmax(axis=1)
        came = np.unique(codes)
        of_classes = [metrics.roc_auc_score(codes == code, predicted[:, code]) for code in came if len(came) > 1]
        right = (codes == called).astype(float)
        apart = np.bincount(tenths(self.number(predicted)), self.number(predicted) - right)
        return {
            "roc_auc": float(np.mean(of_classes)) if of_classes else float("nan"),
            "log_loss": float(metrics.log_loss(codes, predicted, labels=range(len(self.classes)))),
            "brier": float(self.loss(target, predicted).mean()),
            "accuracy": float(right.mean()),
            "balanced_accuracy": float(metrics.recall_score(codes, called, labels=came, average="macro")),
            "f1": float(metrics.f1_score(codes, called, labels=came, average="macro", zero_division=0)),
            "calibration_error": float(np.abs(apart).sum() / len(codes)),
        }

    def statistics(self, target: Any, predicted: Array) -> Mapping[str, Statistic]:
        """Every metric of resamples. A class that a resample does not have is none of its classes."""
        codes, called = self._codes(target), predicted.argmax(axis=1)
        came = [(codes == code).astype(float) for code in range(len(self.classes))]
        guessed = [(called == code).astype(float) for code in range(len(self.classes))]
        rankings = [Ranking(is_it, predicted[:, code]).roc_auc for code, is_it in enumerate(came)]
        right = (codes == called).astype(float)
        surely = np.clip(predicted[np.arange(len(codes)), codes], _EPS, 1)

        def recall(weights: Numbers, code: int) -> Numbers:
            return share(weights @ (came[code] * right), weights @ came[code], of_nothing=np.nan)

        def f1(weights: Numbers, code: int) -> Numbers:
            whole = weights @ (came[code] + guessed[code])
            found = share(2 * (weights @ (came[code] * right)), whole, of_nothing=0)
            return np.where(weights @ came[code] > 0, found, np.nan)

        return {
            "roc_auc": self._mean_of_classes(lambda weights, code: rankings[code](weights)),
            "log_loss": mean_of(-np.log(surely)),
            "brier": mean_of(self.loss(target, predicted)),
            "accuracy": mean_of(right),
            "balanced_accuracy": self._mean_of_classes(recall),
            "f1": self._mean_of_classes(f1),
            "calibration_error": calibration_error(right, self.number(predicted), tenths(self.number(predicted))),
        }

    def loss(self, target: Any, predicted: Array) -> Numbers:
        """The squared errors of a row's probabilities, added up: their mean is the Brier score."""
        errors: Numbers = ((predicted - np.eye(len(self.classes))[self._codes(target)]) ** 2).sum(axis=1)
        return errors

    def baseline(self, target: Any) -> Array:
        """The share of each class, for every row."""
        codes = self._codes(target)
        return np.tile(np.bincount(codes, minlength=len(self.classes)) / len(codes), (len(codes), 1))

    def frame(self, predicted: Array) -> pd.DataFrame:
        """`prediction`, the class, and `probability_<class>` of each."""
        called = np.array(self.classes, dtype=object)[predicted.argmax(axis=1)]
        columns = {f"probability_{name}": predicted[:, code] for code, name in enumerate(self.classes)}
        return pd.DataFrame({"prediction": called, **columns})

    def read(self, rows: pd.DataFrame) -> Array:
        """The columns `probability_<class>`."""
        return np.asarray(rows[[f"probability_{name}" for name in self.classes]], dtype=float)

    def number(self, predicted: Array) -> Numbers:
        """The probability of the class that is predicted."""
        highest: Numbers = predicted.max(axis=1)
        return highest

    def outcome(self, target: Any, predicted: Array) -> Numbers:
        """Whether the class that is predicted came: the share of these is the accuracy."""
        return np.asarray(self._codes(target) == predicted.argmax(axis=1), dtype=float)

    def apart(self, one: Array, other: Array) -> Numbers:
        """Half of what the probabilities differ by, added up: from 0, for the same, to 1."""
        distance: Numbers = np.abs(one - other).sum(axis=1) / 2
        return distance

    def drifting(self, predicted: Array) -> Array:
        """The class that is predicted."""
        return np.asarray(self.frame(predicted)["prediction"])

    def figure(self, target: Any, models: Mapping[str, Array]) -> "Figure":
        """How often each class is taken for which, and whether the probabilities can be taken at their word."""
        from galley.problems.figures import multiclass

        return multiclass(self._codes(target), models, self.classes)

    def _codes(self, target: Any) -> Array:
        """The place of each row's class among the classes; -1 for what is none of them."""
        codes: Array = pd.Index(self.classes).get_indexer(pd.Series(target).map(as_text))
        return codes

    def _mean_of_classes(self, of_class: Callable[[Numbers, int], Numbers]) -> Statistic:
        """The mean over the classes that have a value in a resample."""

        def mean(weights: Numbers) -> Numbers:
            values = np.array([of_class(weights, code) for code in range(len(self.classes))])
            known = np.isfinite(values)
            return share(np.where(known, values, 0).sum(axis=0), known.sum(axis=0).astype(float), of_nothing=np.nan)

        return mean
