"""Each kind of problem: its metrics are scikit-learn's, also of resamples, and nonsense is refused by name."""

import re
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.calibration import calibration_curve

from galley.errors import ContractBreach, ModelNotFound, ParameterError, SettingsError
from galley.problems import Binary, Metric, Multiclass, Problem, Regression
from galley.problems.binary import tenths
from galley.problems.problem import problem_of
from galley.project import DeclaredModel

CLASSES = ("carrier", "nas", "weather")
KINDS = ("binary", "multiclass", "regression")


def made(kind, rows, seed=1, places=2):
    """A problem, targets, and what a model that knows something predicts; rounded, so that there are ties."""
    generator = np.random.default_rng(seed)
    if kind == "binary":
        target = (generator.random(rows) < 0.3).astype(int)
        said = 1 / (1 + np.exp(-(target - 0.5 + generator.normal(size=rows) - 0.8)))
        return Binary(threshold=0.4), target, said.round(places)
    if kind == "multiclass":
        codes = generator.choice(3, rows, p=[0.6, 0.3, 0.1])
        weights = generator.integers(1, 10**places, (rows, 3)) + 10**places // 2 * np.eye(3)[codes]
        return Multiclass(CLASSES), np.array(CLASSES)[codes], weights / weights.sum(axis=1, keepdims=True)
    target = generator.normal(10, 3, rows).round(places)
    value = target + generator.normal(0, 2, rows).round(places)
    return Regression(), target, np.column_stack([value, value - 2, value + 2])


def by_scikit_learn(problem, target, said):
    """The metrics that scikit-learn has."""
    if isinstance(problem, Binary):
        called = said >= problem.threshold
        return {
            "roc_auc": metrics.roc_auc_score(target, said),
            "pr_auc": metrics.average_precision_score(target, said),
            "log_loss": metrics.log_loss(target, said),
            "brier": metrics.brier_score_loss(target, said),
            "precision": metrics.precision_score(target, called, zero_division=0),
            "recall": metrics.recall_score(target, called),
            "f1": metrics.f1_score(target, called, zero_division=0),
        }
    if isinstance(problem, Multiclass):
        called = np.array(CLASSES)[said.argmax(axis=1)]
        return {
            "roc_auc": metrics.roc_auc_score(target, said, multi_class="ovr", labels=CLASSES),
            "log_loss": metrics.log_loss(target, said, labels=CLASSES),
            "brier": metrics.brier_score_loss(target, said, labels=CLASSES),
            "accuracy": metrics.accuracy_score(target, called),
            "balanced_accuracy": metrics.balanced_accuracy_score(target, called),
            "f1": metrics.f1_score(target, called, average="macro"),
        }
    return {
        "r2": metrics.r2_score(target, said[:, 0]),
        "mae": metrics.mean_absolute_error(target, said[:, 0]),
        "rmse": metrics.root_mean_squared_error(target, said[:, 0]),
        "coverage": np.mean(np.abs(target - said[:, 0]) <= 2 + 1e-9),
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("places", [1, 3])
def test_the_metrics_are_scikit_learns(kind, places):
    problem, target, said = made(kind, 400, places=places)
    expected = by_scikit_learn(problem, target, said)
    found = problem.scores(target, said)
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert set(found) == set(problem.metrics)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("places", [1, 3])
def test_the_metrics_of_a_resample_are_those_of_the_rows_that_were_drawn(kind, places):
    problem, target, said = made(kind, 120, places=places)
    generator = np.random.default_rng(3)
    drawn = generator.integers(120, size=(25, 120))
    weights = np.array([np.bincount(rows, minlength=120) for rows in drawn], dtype=float)
    found = {name: statistic(weights) for name, statistic in problem.statistics(target, said).items()}
    assert set(found) == set(problem.metrics)
    for number, rows in enumerate(drawn):
        expected = problem.scores(target[rows], said[rows])
        assert {name: values[number] for name, values in found.items()} == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_a_few_rows_drawn_often_have_the_metrics_of_that_many_rows(kind):
    problem, target, said = made(kind, 6, seed=8)
    weights = np.array([[5, 0, 1, 2, 0, 4.0], [0, 0, 0, 0, 0, 3]])
    found = {name: statistic(weights) for name, statistic in problem.statistics(target, said).items()}
    for number, times in enumerate(weights.astype(int)):
        rows = np.repeat(np.arange(6), times)
        expected = problem.scores(target[rows], said[rows])
        assert {name: values[number] for name, values in found.items()} == pytest.approx(expected, nan_ok=True)


def test_a_metric_is_shown_with_its_unit_and_its_direction():
    shown = [metric.in_words for metric in Regression.metrics.values()]
    assert shown[:2] == ["R²", "mean absolute error (in the target's unit, lower is better)"]
    assert {metric.unit for kind in (Binary, Multiclass) for metric in kind.metrics.values()} == {""}


def test_certain_and_wrong_has_the_log_loss_of_scikit_learn():
    target, said = np.array([1, 0, 1]), np.array([0.0, 1.0, 1.0])
    assert Binary().statistics(target, said)["log_loss"](np.ones((1, 3))) == pytest.approx(
        metrics.log_loss(target, said)
    )


@pytest.mark.parametrize("places", [1, 12])  # tenths are edges
def test_the_calibration_error_is_the_distance_from_the_diagonal_of_scikit_learns_curve(places):
    problem, target, said = made("binary", 500, places=places)
    share, mean = calibration_curve(target, said, n_bins=10, strategy="uniform")
    counts = np.unique(tenths(said), return_counts=True)[1]
    assert problem.scores(target, said)["calibration_error"] == pytest.approx(
        np.average(np.abs(share - mean), weights=counts)
    )


def test_a_class_that_is_absent_on_a_day_counts_for_nothing():
    problem, target, said = made("multiclass", 300)
    there = target != "weather"
    found = problem.scores(target[there], said[there])
    called = np.array(CLASSES)[said[there].argmax(axis=1)]
    assert found["balanced_accuracy"] == pytest.approx(
        metrics.recall_score(target[there], called, labels=["carrier", "nas"], average="macro")
    )
    aucs = [
        metrics.roc_auc_score(target[there] == name, said[there][:, place]) for place, name in enumerate(CLASSES[:2])
    ]
    assert found["roc_auc"] == pytest.approx(np.mean(aucs))


@pytest.mark.parametrize(
    ("problem", "target", "said", "unknown"),
    [
        (Binary(), [0, 0, 0], np.array([0.1, 0.2, 0.3]), {"roc_auc", "pr_auc"}),
        (Binary(), [1], np.array([0.7]), {"roc_auc"}),
        (Multiclass(CLASSES), ["nas", "nas"], np.array([[0.2, 0.5, 0.3]] * 2), {"roc_auc"}),
        (Multiclass(CLASSES), ["nas"], np.array([[0.2, 0.5, 0.3]]), {"roc_auc"}),
        (Regression(), [3.0, 3.0], np.array([2.0, 4.0]), {"r2"}),
        (Regression(), [3.0], np.array([2.0]), {"r2"}),
    ],
)
def test_what_rows_of_one_kind_cannot_tell_is_not_a_number_and_the_rest_is_told(problem, target, said, unknown):
    found = problem.scores(target, said)
    assert {name for name, value in found.items() if np.isnan(value)} == unknown
    drawn = {
        name: statistic(np.ones((1, len(target))))[0] for name, statistic in problem.statistics(target, said).items()
    }
    assert drawn == pytest.approx(found, nan_ok=True)


@pytest.mark.parametrize("kind", KINDS)
def test_the_mean_loss_is_the_metric_that_it_is_said_to_be(kind):
    problem, target, said = made(kind, 200)
    assert problem.loss(target, said).mean() == pytest.approx(problem.scores(target, said)[problem.loss_metric])


@pytest.mark.parametrize("kind", KINDS)
def test_the_baseline_is_at_chance(kind):
    problem, target, _ = made(kind, 200)
    assert problem.scores(target, problem.baseline(target))[problem.key] == pytest.approx(problem.chance, abs=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read_back(kind, tmp_path):
    problem, _, said = made(kind, 50)
    problem.frame(said).to_csv(tmp_path / "p.csv", index=False)
    back = problem.read(pd.read_csv(tmp_path / "p.csv"))
    assert back.tolist() == said.tolist()
    assert problem.apart(said, back).max() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_has_a_number_and_an_outcome_that_it_is_on_average(kind):
    problem, target, said = made(kind, 5000)
    came = problem.scores(target, said)["accuracy"] if kind == "multiclass" else target.mean()
    assert problem.outcome(target, said).mean() == pytest.approx(came)
    assert problem.number(said).mean() == pytest.approx(came, rel=0.4)


@pytest.mark.parametrize("kind", KINDS)
def test_the_figure_names_both_models_and_its_axes(kind):
    problem, target, said = made(kind, 60)
    figure = problem.figure(target, {"challenger": said, "champion": np.roll(said, 1, axis=0)})
    axes = figure.get_axes()
    assert all(each.get_xlabel() and each.get_ylabel() for each in axes)
    words = [
        text.get_text()
        for legend in (*figure.legends, *(a.get_legend() for a in axes))
        if legend
        for text in legend.texts
    ]
    titles = [each.get_title() for each in axes]
    assert all(any(name in text for text in (*words, *titles)) for name in ("challenger", "champion"))


class Says:
    """A model that says one thing whatever it is asked."""

    def __init__(self, said, classes=None):
        self.said = said
        if classes is not None:
            self.classes_ = np.asarray(classes)

    def predict(self, _):
        return self.said


THREE = [[0.2, 0.5, 0.3]] * 4
REFUSED = [
    (Binary(), [0.1, 0.2, 0.3], None, "asked about 4 rows and gives 3"),
    (Binary(), [0.1, 0.2, float("nan"), 0.3], None, "no finite number, first for row 3"),
    (Binary(), [0.1, 0.2, 1.2, 0.3], None, "below 0 or above 1"),
    (Binary(), THREE, None, "there are two classes"),
    (Binary(), 0.5, None, "gives a single value"),
    (Binary(), ["late"] * 4, None, "what is no number"),
    (Binary(), [[0.4, 0.6]] * 4, [1, 0], "in this order"),
    (Binary(), [[0.4, 0.6]] * 4, ["no", "yes"], "in this order"),
    (Multiclass(CLASSES), [[0.5, 0.5]] * 4, None, "there are 3 classes"),
    (Multiclass(CLASSES), THREE[:3], None, "asked about 4 rows and gives 3"),
    (Multiclass(CLASSES), [[0.2, 0.2, 0.2]] * 4, None, "do not add up to 1"),
    (Multiclass(CLASSES), THREE, ["weather", "nas", "carrier"], "in this order"),
    (Multiclass(CLASSES), THREE, ["carrier", "nas", "security"], "in this order"),
    (Regression(), [1.0, 2.0, float("inf"), 3.0], None, "no finite number, first for row 3"),
    (Regression(), [[1.0, 2.0]] * 4, None, "value, low and high"),
    (Regression(), [[1.0, 2.0, 0.0]] * 4, None, "lower end is above"),
    (Regression(), [1.0] * 5, None, "asked about 4 rows and gives 5"),
]


@pytest.mark.parametrize(("problem", "said", "classes", "words"), REFUSED)
def test_a_model_that_says_what_its_problem_has_no_place_for_is_refused_by_name(problem, said, classes, words):
    with pytest.raises(ModelNotFound, match=words):
        problem.ask(Says(said, classes), [[0.0]] * 4)


@pytest.mark.parametrize(
    ("problem", "said", "classes", "expected"),
    [
        (Binary(), [0.25] * 4, None, 0.25),
        (Binary(), [[0.25]] * 4, None, 0.25),
        (Binary(), [[0.75, 0.25]] * 4, [0, 1], 0.25),
        (Binary(), [[0.75, 0.25]] * 4, [False, True], 0.25),
        (Binary(), pd.Series([0.25] * 4), [0.0, 1.0], 0.25),
        (Multiclass(CLASSES), pd.DataFrame(THREE), CLASSES, 0.5),
        (Regression(), pd.DataFrame({"value": [2.0] * 4}), None, 2.0),
        (Regression(), [[2.0, 1.0, 3.0]] * 4, None, 2.0),
    ],
)
def test_a_model_may_say_it_in_any_form_that_means_the_same(problem, said, classes, expected):
    assert problem.number(problem.ask(Says(said, classes), [[0.0]] * 4)).tolist() == [expected] * 4


def test_a_regression_that_gives_its_interval_apart_has_one():
    class WithInterval(Says):
        def predict_interval(self, _):
            return np.array(
                [[[1.0], [3.0]]] * 4
            )  # rows by ends by levels, as libraries of conformal prediction give it

    said = Regression().ask(WithInterval([2.0] * 4), [[0.0]] * 4)
    assert list(Regression().frame(said)) == ["prediction", "low", "high"]
    assert said.tolist() == [[2.0, 1.0, 3.0]] * 4


@pytest.mark.parametrize(
    ("problem", "target", "words"),
    [
        (Binary(), [1, 1, 1], "only one class to learn from"),
        (Multiclass(CLASSES), ["carrier", "carrier", "fog", "fog"], "'fog' is none of the declared classes"),
        (Multiclass(CLASSES), ["carrier"] * 5 + ["nas"], "no two of them have two rows"),
        (Regression(), [2.0, 2.0], "one value in all rows"),
        (Regression(), [2.0, float("nan")], "no finite number"),
    ],
)
def test_targets_that_nothing_can_be_learned_from_are_a_breach(problem, target, words):
    with pytest.raises(ContractBreach, match=words):
        problem.check_target(pd.Series(target, name="target"), "train.csv")


@pytest.mark.parametrize("kind", KINDS)
def test_good_targets_are_no_breach(kind):
    problem, target, _ = made(kind, 60)
    problem.check_target(pd.Series(target, name="target"), "train.csv")


def test_classes_may_be_numbers():
    problem = Multiclass(("1", "2", "3"))
    assert problem.outcome([1, 2, 3.0], np.eye(3)).tolist() == [1, 1, 1]
    assert problem.ask(Says(np.eye(3), [1, 2, 3]), [0] * 3).tolist() == np.eye(3).tolist()


@settings(deadline=None)  # scikit-learn is imported by the first
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.data())
def test_no_metric_of_probabilities_of_any_rows_fails(said, data):
    target = data.draw(st.lists(st.integers(0, 1), min_size=len(said), max_size=len(said)))
    assert set(Binary().scores(target, np.array(said))) == set(Binary.metrics)


def declared(**keys):
    return DeclaredModel(**{"key": "id", "target": "y", **keys})


def test_the_problem_is_the_one_that_is_declared_with_what_the_notebook_decides():
    assert problem_of(declared(problem="binary"), threshold=0.3) == Binary(threshold=0.3)
    assert problem_of(declared(problem="multiclass", classes=CLASSES)) == Multiclass(CLASSES)
    assert problem_of(declared(problem="regression")) == Regression()


def test_what_a_problem_does_not_take_is_refused():
    with pytest.raises(ParameterError, match="kind regression has no threshold"):
        problem_of(declared(problem="regression"), threshold=0.3)
    with pytest.raises(ParameterError, match="between 0 and 1"):
        problem_of(declared(problem="binary"), threshold=1.5)


class Halves(Regression):
    """A kind of problem of a project's own: how far off, in halves."""

    metrics: ClassVar = {**Regression.metrics, "halves": Metric("halves off", lower_is_better=True)}


def test_a_project_may_have_a_kind_of_its_own():
    found = problem_of(declared(problem=f"{__name__}:Halves"))
    assert isinstance(found, Halves)
    assert "halves" in found.metrics


@pytest.mark.parametrize("named", ["nowhere.at_all:Kind", f"{__name__}:Absent", f"{__name__}:Says"])
def test_a_kind_that_is_not_there_is_refused_by_name(named):
    with pytest.raises(SettingsError, match=named.replace(".", r"\.")):
        problem_of(declared(problem=named))


def test_all_that_a_problem_has_is_abstract_or_said_once():
    with pytest.raises(TypeError, match="abstract"):
        Problem()  # type: ignore[abstract]


def test_the_kind_that_the_docs_add_works_as_they_say(tmp_path, monkeypatch):
    text = (Path(__file__).parents[3] / "docs/make-it-yours.md").read_text()
    (tmp_path / "forecasts.py").write_text(re.search(r"```python\n(import numpy.*?)```", text, re.DOTALL)[1])
    monkeypatch.syspath_prepend(tmp_path)
    problem, (_, target, said) = problem_of(declared(problem="forecasts:Forecast")), made("regression", 100)
    assert problem.scores(target, said)["smape"] > 0
    found = {name: statistic(np.ones((1, 100)))[0] for name, statistic in problem.statistics(target, said).items()}
    assert found == pytest.approx(problem.scores(target, said))
