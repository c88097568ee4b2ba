"""Figures: how good some models are on the same rows, by the kind of problem. The first has the first colour."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import ConfusionMatrixDisplay, PrecisionRecallDisplay, RocCurveDisplay

from galley.problems.problem import Array

_POINTS = 5000
"""Points of a scatter from which on it is an image within the figure: a page of a million marks opens nowhere."""


def binary(target: Array, models: Mapping[str, Array], classes: Sequence[str], threshold: float) -> Figure:
    """ROC and PR curve, calibration, and how the probabilities are distributed."""
    no, yes = classes
    figure, panels = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
    (roc, pr), (calibration, spread) = panels
    for number, (name, said) in enumerate(models.items()):
        RocCurveDisplay.from_predictions(target, said, ax=roc, name=name, plot_chance_level=number == 0)
        PrecisionRecallDisplay.from_predictions(target, said, ax=pr, name=name)
        CalibrationDisplay.from_predictions(
            target, said, n_bins=8, strategy="quantile", ax=calibration, name=name, ref_line=number == 0
        )
        spread.hist(said, bins=30, range=(0, 1), alpha=0.6, label=name)
    pr.axhline(target.mean(), color="grey", linestyle=":")
    spread.axvline(threshold, color="grey", linestyle=":")
    roc.set(xlabel=f"share of {no!r} predicted to be {yes!r}", ylabel=f"share of {yes!r} that is found")
    pr.set(xlabel=f"share of {yes!r} that is found", ylabel=f"share of {yes!r} among those predicted so")
    calibration.set(xlabel=f"mean probability of {yes!r}", ylabel=f"share of {yes!r}")
    spread.set(xlabel=f"probability of {yes!r} (dotted: the threshold)", ylabel="rows")
    return _titled(figure, [roc, pr, calibration], spread)


def multiclass(target: Array, models: Mapping[str, Array], classes: Sequence[str]) -> Figure:
    """For each model, how often each class is taken for which; and the calibration of what it predicts."""
    figure, panels = plt.subplots(1, len(models) + 1, figsize=(4.6 * (len(models) + 1), 4.4), layout="constrained")
    for axes, (name, said) in zip(panels, models.items(), strict=False):
        ConfusionMatrixDisplay.from_predictions(
            target, said.argmax(axis=1), labels=range(len(classes)), display_labels=classes, normalize="true",
            values_format=".0%", cmap="Blues", colorbar=False, xticks_rotation=45, ax=axes,
        )  # fmt: skip
        axes.set(title=name, xlabel="predicted", ylabel="what came")
    for number, (name, said) in enumerate(models.items()):
        CalibrationDisplay.from_predictions(
            target == said.argmax(axis=1), said.max(axis=1), n_bins=8, strategy="quantile", ax=panels[-1], name=name,
            ref_line=number == 0,
        )  # fmt: skip
    panels[-1].set(xlabel="mean probability of the predicted class", ylabel="share that it is right")
    return figure


def regression(target: Array, models: Mapping[str, Array]) -> Figure:
    """What came against what was predicted, and how the errors are distributed."""
    figure, panels = plt.subplots(1, len(models) + 1, figsize=(4.6 * (len(models) + 1), 4.2), layout="constrained")
    ends = np.array([target.min(), target.max()])
    for number, (axes, (name, said)) in enumerate(zip(panels, models.items(), strict=False)):
        axes.scatter(said, target, s=6, alpha=0.4, color=f"C{number}", rasterized=len(target) > _POINTS)
        axes.plot(ends, ends, color="grey", linestyle=":")
        axes.set(title=name, xlabel="predicted", ylabel="what came")
    errors = {name: said - target for name, said in models.items()}
    reach = np.quantile(np.abs(np.concatenate([*errors.values()])), 0.99) or 1.0
    for name, error in errors.items():
        panels[-1].hist(error, bins=40, range=(-reach, reach), alpha=0.6, label=name)
    panels[-1].axvline(0, color="grey", linestyle=":")
    panels[-1].set(xlabel="predicted, less what came (all but the furthest 1 %)", ylabel="rows")
    return _titled(figure, [], panels[-1])


def _titled(figure: Figure, others: Sequence[Any], named: Any) -> Figure:
    """One legend above the panels, which covers nothing."""
    for axes in others:
        axes.get_legend().remove()
    figure.legend(*named.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure
