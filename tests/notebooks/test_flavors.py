"""Models of several libraries in one project, each trained in a kernel of its own, and asked there ever after."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import decide
import pandas as pd
import pytest
from written_project import Written

from galley.days import Day
from galley.errors import GalleyError
from galley.problems.problem import problem_of
from galley.registry import models, promotion
from galley.settings import Settings
from galley.storage import files

PYFUNC = """


class Halfway(mlflow.pyfunc.PythonModel):
    def fit(self, rows, target):
        self.trees = xgboost.XGBClassifier(n_estimators=20, max_depth=2).fit(rows, target)
        return self

    def predict(self, model_input):
        return (self.trees.predict_proba(model_input)[:, 1] + 0.5) / 2
"""
WEEKS = {
    "sklearn": ("workbench", "", ""),
    "lightgbm": (
        "lightgbm",
        "from lightgbm import LGBMClassifier",
        "LGBMClassifier(n_estimators=40, min_child_samples=5, random_state=seed, verbose=-1)",
    ),
    "xgboost": (
        "xgboost",
        "from xgboost import XGBClassifier",
        "XGBClassifier(n_estimators=40, max_depth=3, random_state=seed)",
    ),
    "python_function": ("xgboost", "from my_flavors.halfway import Halfway", "Halfway()"),
}
"""For each flavor the kernel that trains it, and what `build` imports and returns; as it was written for the first."""
DECLARED = """allow_pickle = true
pinned = true

[kernels.lightgbm]
loads = ["lightgbm"]

[kernels.xgboost]
loads = ["xgboost", "python_function"]
"""


class Weeks:
    """What each stage concluded, by flavor, on one day after the other."""

    def __init__(self, project: Written) -> None:
        self.project = project
        self.said: dict[str, dict[str, dict[str, Any]]] = {}
        self.written = project.settings.home / "src" / "my_flavors" / "model.py"
        self.first = self.written.read_text()

    def day(self, flavor: str) -> Day:
        return self.project.day.before(-list(WEEKS).index(flavor))

    def play(self, flavor: str) -> None:
        kernel, imported, built = WEEKS[flavor]
        day, run = self.day(flavor), self.project.run
        if built:
            head, _, _ = self.first.partition("    return tabular(")
            self.written.write_text(f"{head}    {imported}\n\n    return {built}\n")
        said = {stage: run(stage, day) for stage in ("generate", "prepare")}
        said["train"] = run("train", day, kernel)
        said |= {stage: run(stage, day) for stage in ("validate", "review")}
        decide.answer(day, "Approve", "ada", f"another library: {flavor}", run=f"manual__{day}")
        said |= {stage: run(stage, day) for stage in ("record", "promote")}
        said["predict"] = run("predict", day, model_as_of="now")
        self.said[flavor] = said


@pytest.fixture(scope="module")
def weeks(homes: dict[str, Path]) -> Iterator[Weeks]:
    """Four weeks of one project, whose stages but for the training run where neither library of trees is."""
    with pytest.MonkeyPatch.context() as patch:
        project = Written(homes, "flavors", patch, DECLARED)
        (project.folder / "src" / "my_flavors" / "halfway.py").write_text(
            f"import mlflow.pyfunc\nimport xgboost\n{PYFUNC}"
        )
        weeks = Weeks(project)
        for flavor in WEEKS:
            weeks.play(flavor)
        yield weeks


@pytest.mark.parametrize("flavor", WEEKS)
def test_each_is_approved_promoted_proven_on_a_smoke_set_and_predicts(weeks: Weeks, flavor: str) -> None:
    said, number = weeks.said[flavor], str(list(WEEKS).index(flavor) + 1)
    assert (said["promote"]["version"], said["promote"]["furthest_apart"]) == (number, 0)
    assert said["predict"]["model_version"] == number
    found = models.resolve(f"models/{weeks.day(flavor)}", weeks.project.settings)
    assert found.format.flavor == flavor
    assert bool(found.format.columns)


@pytest.mark.parametrize("flavor", list(WEEKS)[1:])
def test_the_review_asks_champion_and_challenger_each_in_its_own_kernel_on_the_same_rows(
    weeks: Weeks, flavor: str
) -> None:
    said, before = weeks.said[flavor], list(WEEKS)[list(WEEKS).index(flavor) - 1]
    assert said["review"]["champion_version"] == weeks.said[before]["promote"]["version"]
    problem, day = problem_of(weeks.project.settings.model), weeks.day(flavor)
    val = pd.read_csv(day.processed / "val.csv")
    for side, folder in (("new", f"models/{day}"), ("old", f"models/{weeks.day(before)}")):
        with_that = models.resolve(folder, weeks.project.settings).predictor()
        found = problem.scores(val[weeks.project.settings.model.target], with_that(val))
        shown = {name: each[side] for name, each in said["review"]["differences"].items()}
        assert shown == pytest.approx(found, abs=1e-4)


@pytest.mark.parametrize("flavor", list(WEEKS)[1:])
def test_predictions_are_byte_for_byte_those_of_a_stage_that_runs_where_the_library_is(
    weeks: Weeks, flavor: str
) -> None:
    day, file = weeks.day(flavor), weeks.day(flavor).predictions / "predictions.csv"
    elsewhere = file.read_bytes()
    version = weeks.said[flavor]["promote"]["version"]
    name = weeks.project.settings.model.name
    weeks.project.run("predict", day, WEEKS[flavor][0], model_uri=f"models:/{name}/{version}")
    assert file.read_bytes() == elsewhere


def test_a_rollback_goes_to_a_model_of_any_library(weeks: Weeks) -> None:
    settings, day, champion = weeks.project.settings, weeks.day("python_function"), "4"
    for number in ("2", "3", "1", "4"):
        assert promotion.rollback_target(settings, number).version == number
        reports = day.reports("rollback")
        files.write_json(reports / "metrics.json", {"review": {"version": number, "champion_at_review": champion}})
        files.write_bytes(reports / "01_review.ipynb", b"{}")
        decide.answer(day, "Approve", "grace", "the newer one was wrong", "rollback", f"rollback__{champion}{number}")
        assert promotion.rollback(settings, f"rollback__{champion}{number}").version == number
        in_production = models.resolve("champion", settings)
        assert (in_production.version, in_production.format.flavor) == (number, list(WEEKS)[int(number) - 1])
        champion = number


def test_without_a_kernel_for_it_the_library_that_is_missing_is_named(
    weeks: Weeks, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = weeks.project.settings.project_file
    declared = file.read_text()
    try:
        file.write_text(declared.partition("[kernels.")[0])
        with pytest.raises(GalleyError, match=r"No module named 'lightgbm'.*loads = \[\"lightgbm\"\]"):
            models.resolve(f"models/{weeks.day('lightgbm')}", Settings.from_environment().for_model()).load()
    finally:
        file.write_text(declared)
