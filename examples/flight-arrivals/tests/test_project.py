"""The project's own tests: what arrives keeps to its contract, the model learns, and every notebook is a stage."""

from datetime import date
from pathlib import Path

import pytest

from galley.cli import main
from galley.problems import Problem
from galley.problems.problem import problem_of
from galley.settings import Settings
from flight_arrivals.model import FEATURES, build
from flight_arrivals.source import DATA, TARGET, TARGETS, arrive

DAY = date(2026, 11, 23)


@pytest.fixture
def problem(monkeypatch: pytest.MonkeyPatch) -> Problem:
    monkeypatch.setenv("GALLEY_HOME", str(Path(__file__).parents[1]))
    return problem_of(Settings.from_environment().model)


def test_a_day_keeps_to_its_contract_and_is_the_same_each_time() -> None:
    data, target = arrive(DAY, rows=50)
    DATA.check_pair(DATA.check(data, "data.csv", DAY), TARGETS.check(target, "target.csv"), "both files")
    assert arrive(DAY, rows=50)[0].equals(data)


def test_the_model_says_more_than_the_baseline(problem: Problem) -> None:
    data, target = arrive(DAY, rows=300)
    model = build(seed=0).fit(data[FEATURES], target[TARGET])
    later, came = arrive(date(2026, 11, 24), rows=300)
    said, baseline = problem.ask(model, later[FEATURES]), problem.baseline(came[TARGET])
    assert problem.loss(came[TARGET], said).mean() < problem.loss(came[TARGET], baseline).mean()


def test_every_notebook_is_a_stage(problem: Problem) -> None:  # noqa: ARG001 - the project is the one that is checked
    assert main(["check"]) == 0
