"""What `galley init` writes, for each kind of problem, works as it is: a week with its approval, and predictions."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import decide
import pandas as pd
import pytest
from tiny_project import HERE
from written_project import Written

from galley import cli
from galley.errors import GalleyError, SettingsError
from galley.init import PROBLEMS, write_project
from galley.notebooks.parameters import Notebook
from galley.problems.problem import problem_of

BEFORE = 5
"""Days that arrived before."""


@pytest.fixture(scope="module", params=PROBLEMS)
def week(request: pytest.FixtureRequest, homes: dict[str, Path]) -> Iterator[Any]:
    """A project after its first week, and what each stage concluded."""
    with pytest.MonkeyPatch.context() as patch:
        project = Written(homes, request.param, patch)
        for number in range(BEFORE, 0, -1):
            project.run("generate", project.day.before(number))
        said = {stage: project.run(stage) for stage in ("generate", "prepare", "train", "validate", "review")}
        decide.answer(project.day, "Approve", "ada", "well above the baseline")
        said |= {stage: project.run(stage) for stage in ("record", "promote")}
        said["predict"] = project.run("predict", model_as_of="now")
        yield project, said


def test_a_good_model_is_approved_promoted_and_predicts(week: Any) -> None:
    project, said = week
    assert said["record"]["decision"] == "Approve"
    assert (said["promote"]["version"], said["promote"]["furthest_apart"]) == ("1", 0)
    assert said["predict"]["model_version"] == "1"
    account = json.loads((project.day.predictions / "predictions.json").read_text())
    assert account["rows"] == said["generate"]["rows"] == 150


def test_all_checks_of_what_init_trains_pass(week: Any) -> None:
    _, said = week
    assert [name for name, passed in said["review"]["checks"].items() if not passed] == []
    assert said["review"]["verdict"] == "approve"


def test_predictions_are_what_the_problem_says_and_can_be_read_back(week: Any) -> None:
    project, _ = week
    problem = problem_of(project.settings.model)
    rows = pd.read_csv(project.day.predictions / "predictions.csv")
    came = pd.read_csv(project.day.raw / "target.csv")
    target = rows.merge(came, on="id", validate="one_to_one")[project.settings.model.target]
    metric, found = problem.metrics[problem.key], problem.scores(target, problem.read(rows))[problem.key]
    assert (found < problem.chance) == metric.lower_is_better
    assert list(rows) == ["id", *problem.frame(problem.read(rows))]


def test_another_week_is_compared_with_the_champion_and_a_rejection_leaves_it(week: Any) -> None:
    project, _ = week
    later = project.day.before(-1)
    for stage in ("generate", "prepare", "train", "validate"):
        project.run(stage, later)
    said = project.run("review", later)
    assert said["champion_version"] == "1"
    problem = problem_of(project.settings.model)
    assert f"{problem.metrics[problem.key].label} gained" in said["checks"]
    decide.answer(later, "Reject", "ada", "no better")
    assert project.run("record", later)["decision"] == "Reject"
    with pytest.raises(GalleyError, match="Reject"):
        project.run("promote", later)
    assert project.run("predict", later, model_as_of="now")["model_version"] == "1"


@pytest.mark.parametrize("problem", PROBLEMS)
def test_what_is_written_is_clean_and_checked(problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["init", str(tmp_path / "My-Model_2"), "--problem", problem]) == 0
    assert "wrote" in capsys.readouterr().out
    notebooks = sorted((tmp_path / "My-Model_2" / "notebooks").rglob("*.ipynb"))
    assert [fault for path in notebooks for fault in Notebook.load(path).problems()] == []
    dags = {f"my_model_2_{dag}" for dag in ("generate", "train", "predict")}  # so that several projects fit one Airflow
    assert {path.parent.name for path in notebooks} == dags
    assert {path.stem for path in (tmp_path / "My-Model_2" / "dags").iterdir()} == dags
    left = [path for path in (tmp_path / "My-Model_2").rglob("*") if path.is_file() and "ITS_" in path.read_text()]
    assert left == []
    ruff = HERE / ".venvs/check/bin/ruff"
    if not ruff.is_file():
        pytest.skip("ruff is where `make check` ran")
    for verb in (["format", "--check"], ["check", "--extend-ignore", "D,T20,I,B018,E402,INP,S101"]):
        done = subprocess.run(
            [ruff, *verb, "--config", HERE / "pyproject.toml", tmp_path], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_tests_that_are_written_pass(problem: str, tmp_path: Path) -> None:
    write_project(tmp_path / "mine", problem)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests"],
        cwd=tmp_path / "mine",
        env={**os.environ, "PYTHONPATH": str(tmp_path / "mine" / "src"), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "3 passed" in done.stdout, done.stdout


def test_the_project_keeps_what_it_makes_out_of_git(tmp_path: Path) -> None:
    write_project(tmp_path / "mine", "binary")
    ignored = (tmp_path / "mine" / ".gitignore").read_text().split()
    assert {"data/", "outputs/", ".airflow/", ".venvs/"} <= set(ignored)


@pytest.mark.parametrize("name", ["1st", "with blank", "ö", "a" * 70])
def test_a_name_that_no_package_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is no name for a project"):
        write_project(tmp_path / name, "binary")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_empty_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")
    with pytest.raises(SettingsError, match="is not an empty folder"):
        write_project(tmp_path / "taken", "binary")
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["mine.txt"]
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SettingsError, match="is not an empty folder"):
        write_project(tmp_path / "file", "binary")
