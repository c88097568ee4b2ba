"""Problem: what one has to know of a kind of problem to ask its models and to judge what they say.

What a model says of rows is an array with a row for each of them, called `predicted` here. What came is `target`. Both
are in the problem's own form, which its docstring says.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from galley.errors import ModelNotFound, ParameterError, SettingsError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from galley.project import DeclaredModel

Array = NDArray[Any]
Numbers = NDArray[np.float64]
Statistic = Callable[[Numbers], Numbers]
"""A metric of resamples: of weights, a row for each resample that says how often each row is in it, its values."""

_BUILT_IN = {
    "binary": "galley.problems.binary:Binary",
    "multiclass": "galley.problems.multiclass:Multiclass",
    "regression": "galley.problems.regression:Regression",
}


@dataclass(frozen=True)
class Metric:
    """What people call a metric, which way is better, and what it is measured in; blank where it is a plain number."""

    label: str
    lower_is_better: bool = False
    unit: str = ""

    @property
    def in_words(self) -> str:
        """The label, with the unit if it has one, and the direction where it is not the usual one."""
        beside = [*([f"in {self.unit}"] if self.unit else []), *(["lower is better"] if self.lower_is_better else [])]
        return f"{self.label} ({', '.join(beside)})" if beside else self.label


@dataclass(frozen=True)
class Problem(ABC):
    """A kind of problem. A project adds one of its own as a subclass, which galley.toml names: "package.module:Class".

    `classes` are those that galley.toml declares, in the order of a model's probabilities.
    """

    classes: tuple[str, ...] = ()

    metrics: ClassVar[Mapping[str, Metric]]
    """By name, those first that people look at first."""
    key: ClassVar[str]
    """The metric that a review's checks, live performance and importance are about."""
    chance: ClassVar[float]
    """The key metric of a model that knows nothing."""
    against_baseline: ClassVar[tuple[str, ...]]
    """The metrics that have to be better than the baseline's."""
    loss_metric: ClassVar[str]
    """The metric that is the mean of `loss`."""
    level: ClassVar[str]
    """How `number` and `outcome` are shown: a format, as .1% or .4g."""
    bounds: ClassVar[tuple[float, float] | None]
    """Between what `number` lies; None where that is not known, as predictions are numbers and no classes."""

    @abstractmethod
    def check_target(self, target: pd.Series, name: str) -> None:
        """Raises ContractBreach, which names the file `name`, unless a model can learn from these, and be judged by."""

    @abstractmethod
    def checked(self, said: Any, rows: int) -> Array:
        """What a model says of so many rows, as `predicted`. Raises ModelNotFound if it cannot be that."""

    @abstractmethod
    def scores(self, target: Any, predicted: Array) -> dict[str, float]:
        """Every metric; not a number where these rows cannot tell."""

    @abstractmethod
    def statistics(self, target: Any, predicted: Array) -> Mapping[str, Statistic]:
        """Every metric of resamples of these rows; what can be worked out once for all resamples is."""

    @abstractmethod
    def loss(self, target: Any, predicted: Array) -> Numbers:
        """How wrong each row is; lower is better."""

    @abstractmethod
    def baseline(self, target: Any) -> Array:
        """What somebody says who knows these targets and nothing of the rows."""

    @abstractmethod
    def frame(self, predicted: Array) -> pd.DataFrame:
        """The columns that predictions.csv has of them, `prediction` among these."""

    @abstractmethod
    def read(self, rows: pd.DataFrame) -> Array:
        """What was predicted, from the columns of predictions.csv."""

    @abstractmethod
    def number(self, predicted: Array) -> Numbers:
        """A number for each row, of which there are distributions, and by which rows are put in an order."""

    @abstractmethod
    def outcome(self, target: Any, predicted: Array) -> Numbers:
        """What came, for each row: what `number` is on average, if the model can be taken at its word."""

    @abstractmethod
    def figure(self, target: Any, models: Mapping[str, Array]) -> "Figure":
        """The figure that shows how good these models are, by their names."""

    def raw_prediction(self, model: Any, rows: Any) -> Any:
        """What a model of any flavor says of rows: its probabilities if it has them, else its predictions."""
        ask: Callable[[Any], Any] = getattr(model, "predict_proba", None) or model.predict
        return ask(rows)

    def ask(self, model: Any, rows: Any) -> Array:
        """What a model says of rows, as `predicted`. Raises ModelNotFound if it says what it cannot say."""
        return self.checked(self.raw_prediction(model, rows), len(rows))

    def apart(self, one: Array, other: Array) -> Numbers:
        """How far two models are from each other on each row, for the same target."""
        return np.abs(self.number(one) - self.number(other))

    def drifting(self, predicted: Array) -> Array:
        """What drift is measured on, a value for each row."""
        return self.number(predicted)


def problem_of(model: "DeclaredModel", **decided: Any) -> Problem:
    """The problem that a declared model is about; `decided` is what a notebook decides on it, as a threshold.

    Raises SettingsError if galley.toml names a class that is not there, and ParameterError for what it does not take.
    """
    kind = _kind(_BUILT_IN.get(model.problem, model.problem))
    unknown = sorted(set(decided) - set(kind.__dataclass_fields__))
    if unknown:
        raise ParameterError(f"A problem of kind {model.problem} has no {unknown[0]}. Leave it out.")
    return kind(classes=model.classes, **decided)


def _kind(named: str) -> type[Problem]:
    module, _, name = named.partition(":")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise SettingsError(
            f"problem = {named!r} in galley.toml is not there: {error}. Install its package in the kernel's "
            "environment, or correct the name."
        ) from None
    if not (isinstance(found, type) and issubclass(found, Problem)):
        raise SettingsError(f"problem = {named!r} in galley.toml is no subclass of galley.problems.Problem. Name one.")
    return found


def refused(why: str) -> ModelNotFound:
    """The error of a model that says what its problem has no place for."""
    return ModelNotFound(f"The model does not say what a model of this problem says: {why} Train or wrap it anew.")


def as_numbers(said: Any, rows: int) -> Numbers:
    """What a model said, as numbers. Raises ModelNotFound if there are not as many, or some are none."""
    try:
        values = np.asarray(said, dtype=float)
    except (TypeError, ValueError):
        raise refused("it gives what is no number.") from None
    if values.ndim == 0 or len(values) != rows:
        given = len(values) if values.ndim else "a single value"
        raise refused(f"it was asked about {rows} rows and gives {given}.")
    broken = np.flatnonzero(~np.isfinite(values).reshape(rows, -1).all(axis=1))
    if broken.size:
        raise refused(f"for {broken.size} of {rows} rows it gives no finite number, first for row {broken[0] + 1}.")
    return values
