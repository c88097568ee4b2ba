"""Regression: a number. What is predicted is an array of values, or of value, low and high with an interval."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from galley.contract.breach import Breach, raise_breaches
from galley.problems.problem import Array, Metric, Numbers, Problem, Statistic, as_numbers, refused
from galley.problems.weighted import mean_of, share

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NO_SPREAD = 1e-12
_UNIT = "the target's unit"


@dataclass(frozen=True)
class Regression(Problem):
    """A number for each row.

    A model that has `predict_interval(rows)`, with the lower and the upper end in two columns, gives an interval too,
    and so does one whose `predict` gives value, low and high. R² is 0 for the mean of these very rows; `coverage` is
    the share of rows in their interval.
    """

    metrics: ClassVar[Mapping[str, Metric]] = {
        "r2": Metric("R²"),
        "mae": Metric("mean absolute error", lower_is_better=True, unit=_UNIT),
        "rmse": Metric("root mean squared error", lower_is_better=True, unit=_UNIT),
        "coverage": Metric("share of rows in their interval"),
    }
    key: ClassVar[str] = "r2"
    chance: ClassVar[float] = 0.0
    against_baseline: ClassVar[tuple[str, ...]] = ("rmse", "mae")
    loss_metric: ClassVar[str] = "mae"
    level: ClassVar[str] = ".4g"
    bounds: ClassVar[tuple[float, float] | None] = None

    def check_target(self, target: pd.Series, name: str) -> None:
        """Raises ContractBreach unless there are two different finite numbers."""
        values = pd.to_numeric(target, errors="coerce").to_numpy(dtype=float)
        if not np.isfinite(values).all():
            broken = int((~np.isfinite(values)).sum())
            raise_breaches([Breach(str(target.name), "is no finite number", broken, "Correct the data.")], name)
        if len(np.unique(values)) < 2:
            problem = "has one value in all rows: there is nothing to learn"
            raise_breaches([Breach(str(target.name), problem, len(target), "Train on more days.")], name)

    def raw_prediction(self, model: Any, rows: Any) -> Any:
        """Its value of each row, and the ends of its interval if it gives one."""
        value = np.asarray(model.predict(rows))
        interval = getattr(model, "predict_interval", None)
        return (
            value if interval is None else np.column_stack([value, np.asarray(interval(rows)).reshape(len(rows), -1)])
        )

    def checked(self, said: Any, rows: int) -> Array:
        """A value for each row, or value, low and high."""
        values = as_numbers(said, rows)
        if values.shape[1:] not in ((), (1,), (3,)):
            raise refused(f"it gives {values.shape[1:]} values for a row: one is needed, or value, low and high.")
        if values.shape[1:] == (3,) and (values[:, 1] > values[:, 2]).any():
            raise refused("it gives intervals whose lower end is above the upper one.")
        return values if values.shape[1:] == (3,) else values.reshape(rows)

    def scores(self, target: Any, predicted: Array) -> dict[str, float]:
        """Every metric, `coverage` where there is an interval; R² is not a number where all targets are the same."""
        from sklearn import metrics

        target, value = np.asarray(target, dtype=float), self.number(predicted)
        varies = len(np.unique(target)) > 1
        interval = {"coverage": float(_inside(target, predicted).mean())} if predicted.ndim > 1 else {}
        return {
            "r2": float(metrics.r2_score(target, value)) if varies else float("nan"),
            "mae": float(metrics.mean_absolute_error(target, value)),
            "rmse": float(metrics.root_mean_squared_error(target, value)),
            **interval,
        }

    def statistics(self, target: Any, predicted: Array) -> Mapping[str, Statistic]:
        """Every metric of resamples; a resample of one value has no R²."""
        target = np.asarray(target, dtype=float)
        squared = (target - self.number(predicted)) ** 2
        centred = target - target.mean()  # no digits are lost to a large mean

        def r2(weights: Numbers) -> Numbers:
            sum_of_squares = weights @ centred**2
            total = sum_of_squares - (weights @ centred) ** 2 / weights.sum(axis=1)
            # What rounding leaves of rows of one value is no spread.
            total[total < _NO_SPREAD * sum_of_squares] = 0
            return 1 - share(weights @ squared, total, of_nothing=np.nan)

        mean_squared = mean_of(squared)
        interval = {"coverage": mean_of(_inside(target, predicted))} if predicted.ndim > 1 else {}
        return {
            "r2": r2,
            "mae": mean_of(self.loss(target, predicted)),
            "rmse": lambda weights: np.sqrt(mean_squared(weights)),
            **interval,
        }

    def loss(self, target: Any, predicted: Array) -> Numbers:
        """The absolute error."""
        return np.abs(np.asarray(target, dtype=float) - self.number(predicted))

    def baseline(self, target: Any) -> Array:
        """The mean, for every row."""
        target = np.asarray(target, dtype=float)
        return np.full(len(target), target.mean())

    def frame(self, predicted: Array) -> pd.DataFrame:
        """`prediction`, and `low` and `high` where there is an interval."""
        if predicted.ndim == 1:
            return pd.DataFrame({"prediction": predicted})
        return pd.DataFrame(predicted, columns=["prediction", "low", "high"])

    def read(self, rows: pd.DataFrame) -> Array:
        """The column `prediction`, with `low` and `high` if they are there."""
        columns = ["prediction", "low", "high"] if "low" in rows else "prediction"
        return np.asarray(rows[columns], dtype=float)

    def number(self, predicted: Array) -> Numbers:
        """The value."""
        return predicted if predicted.ndim == 1 else predicted[:, 0]

    def outcome(self, target: Any, predicted: Array) -> Numbers:  # noqa: ARG002
        """The number that came."""
        return np.asarray(target, dtype=float)

    def figure(self, target: Any, models: Mapping[str, Array]) -> "Figure":
        """What came against what was said, and the errors."""
        from galley.problems.figures import regression

        return regression(np.asarray(target, dtype=float), {name: self.number(said) for name, said in models.items()})


def _inside(target: Numbers, predicted: Array) -> Numbers:
    """1 for each row in its interval, 0 for others."""
    return ((predicted[:, 1] <= target) & (target <= predicted[:, 2])).astype(float)
