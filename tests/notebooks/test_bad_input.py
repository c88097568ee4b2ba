"""Bad input: each stage fails with an error that says what to do, and what was written before stays as it was."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from tiny_project import DS, Project

from galley.errors import (
    ContractBreach,
    InvalidDay,
    MissingInput,
    ModelNotFound,
    ParameterError,
    RegistryUnavailable,
    StageFailed,
)

PREPARE = "train_weekly/01_prepare.ipynb"
SPLIT = "train_weekly/02_split.ipynb"
TRAIN = "train_weekly/03_train.ipynb"
PREDICT = "predict_daily/01_predict.ipynb"
GENERATE = "generate_data/01_generate.ipynb"

Spoil = Callable[[Path], None]


def rewritten(name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Spoil:
    """Changes the rows of a file."""

    def spoil(folder: Path) -> None:
        change(pd.read_csv(folder / name)).to_csv(folder / name, index=False)

    return spoil


def rewritten_text(name: str, change: Callable[[str], str]) -> Spoil:
    """Changes a file as it stands."""
    return lambda folder: (folder / name).write_text(change((folder / name).read_text()))


def removed(name: str) -> Spoil:
    return lambda folder: (folder / name).unlink()


def emptied(name: str) -> Spoil:
    return lambda folder: (folder / name).write_bytes(b"")


def with_text(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(distance=["far", *frame["distance"][1:]])


def twice(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame[:2]])


BAD_DATA: dict[str, tuple[Spoil, type[Exception], str]] = {
    "no data": (removed("data.csv"), MissingInput, rf"data/raw/{DS}/data\.csv is not there\. Run the stage"),
    "an empty file": (emptied("data.csv"), ContractBreach, rf"raw/{DS}/data\.csv: the file is empty.*\nFix"),
    "a missing column": (
        rewritten("data.csv", lambda frame: frame.drop(columns="carrier")),
        ContractBreach,
        rf"raw/{DS}/data\.csv: carrier: the column is missing\nFix",
    ),
    "an extra column": (
        rewritten("data.csv", lambda frame: frame.assign(dep_delay=0)),
        ContractBreach,
        rf"raw/{DS}/data\.csv: dep_delay: the column is not in the contract\nDrop",
    ),
    "text in a number": (
        rewritten("data.csv", with_text),
        ContractBreach,
        rf"raw/{DS}/data\.csv: distance: not a number in 1 of 120 rows, first in line 2: 'far'\nFix",
    ),
    "a duplicate": (
        rewritten("data.csv", twice),
        ContractBreach,
        rf"raw/{DS}/data\.csv: flight_id: a duplicate in 2 of 122 rows",
    ),
    "a quote that is not closed": (
        rewritten_text("data.csv", lambda text: text.replace(",", ',"', 30).replace(',"', ",", 29)),
        ContractBreach,
        rf"raw/{DS}/data\.csv: a quote that is not closed.* in 1 of 120 rows, first in line \d",
    ),
    "a file that is cut": (
        rewritten_text("data.csv", lambda text: text[: len(text) // 2]),
        ContractBreach,
        rf"raw/{DS}/data\.csv: the last line has no end.*\nFix what wrote",
    ),
    "rows that are a field short": (
        rewritten_text("data.csv", lambda text: re.sub(r"(?m)^(?!flight_id)([^,\n]*),", r"\1", text)),
        ContractBreach,
        rf"raw/{DS}/data\.csv: 21 fields where the heading has 22 in 120 of 120 rows",
    ),
    "the file of yesterday": (
        rewritten_text("data.csv", lambda text: text.replace(DS, "2026-11-22")),
        ContractBreach,
        rf"scheduled_departure: not of {DS} in 120 of 120 rows.*\nSee whether the file of another day was delivered",
    ),
}
BAD_PAIRS: dict[str, tuple[Spoil, type[Exception], str]] = {
    "no targets": (removed("target.csv"), MissingInput, rf"data/raw/{DS}/target\.csv is not there\. Run the stage"),
    "empty targets": (emptied("target.csv"), ContractBreach, rf"raw/{DS}/target\.csv: the file is empty.*\nFix"),
    "targets of other flights": (
        rewritten("target.csv", lambda frame: frame[5:]),
        ContractBreach,
        rf"raw/{DS}: flight_id: in the data but not in the targets in 5 of 120 rows.*\nWrite both files anew",
    ),
    "a day of one class": (
        rewritten("target.csv", lambda frame: frame.assign(late=0)),
        ContractBreach,
        r"late: only one class to learn from: 0 rows are 1 and 120 are 0\nTrain on more days",
    ),
}


def refuses(project: Project, notebook: str, error: type[Exception], told: str, **parameters: object) -> None:
    """The stage raises this error, and each file is as it was before; none is new."""
    before = project.written()
    with pytest.raises(error, match=told):
        project.run(notebook, **parameters)
    assert project.written() == before


@pytest.mark.parametrize("case", BAD_DATA | BAD_PAIRS)
def test_prepare_refuses(project: Project, case: str):
    spoil, error, told = (BAD_DATA | BAD_PAIRS)[case]
    spoil(project.day.raw)
    refuses(project, PREPARE, error, told)


@pytest.mark.parametrize(
    "case", ["no data", "text in a number", "a quote that is not closed", "the file of yesterday"]
)  # the rest of the contract is the same code
def test_predict_refuses(project: Project, case: str):
    spoil, error, told = BAD_DATA[case]
    spoil(project.day.raw)
    refuses(project, PREDICT, error, told, model_uri=f"models/{DS}")


@pytest.mark.parametrize("notebook", [GENERATE, PREPARE])
def test_a_day_that_is_no_date_is_refused(project: Project, notebook: str):
    refuses(project, notebook, InvalidDay, r"ds is '2026-11-31'.*Give one that exists", ds="2026-11-31")


@pytest.mark.parametrize(("notebook", "file"), [(SPLIT, "train_data.csv"), (TRAIN, "train.csv")])
def test_a_stage_whose_forerunner_did_not_run_names_the_file(project: Project, notebook: str, file: str):
    (project.day.processed / file).unlink()
    refuses(project, notebook, MissingInput, rf"data/processed/{DS}/{file} is not there")


def test_a_breach_is_shown_as_a_table_in_the_notebook(project: Project):
    rewritten("data.csv", with_text)(project.day.raw)
    with pytest.raises(ContractBreach):
        project.run(PREPARE)
    attempts = project.day.reports("train_weekly") / "attempts"
    cells = nbformat.read(attempts / "01_prepare.try2.ipynb", as_version=4).cells
    shown = [
        output["data"].get("text/html", "") for cell in cells for output in cell.get("outputs", []) if "data" in output
    ]
    assert any("not a number in 1 of 120 rows" in table and "<table" in table for table in shown)


def test_generate_refuses_a_source_that_does_not_exist(project: Project):
    refuses(project, GENERATE, ParameterError, "source is 'trains'. Give", source="trains")


@pytest.mark.parametrize(
    ("asked", "told"),
    [({"method": "luck"}, "method is 'luck'. Give"), ({"validation_share": 1.0}, "validation_share is 1.0. Give")],
)
def test_split_refuses_what_is_no_split(project: Project, asked: dict[str, object], told: str):
    refuses(project, SPLIT, ParameterError, told, **asked)


def test_split_by_time_refuses_a_part_without_late_flights(project: Project):
    def on_time_at_last(frame: pd.DataFrame) -> pd.DataFrame:
        days = ["2026-11-22"] * 40 + [DS] * (len(frame) - 40)
        return frame.assign(
            late=[1] * 20 + [0] * (len(frame) - 20), scheduled_departure=days + frame["scheduled_departure"].str[10:]
        )

    rewritten("train_data.csv", on_time_at_last)(project.day.processed)
    project.forget("01_prepare")
    refuses(project, SPLIT, ContractBreach, r"val\.csv: late: only one class to learn from")


def test_train_refuses_flights_that_are_all_alike(project: Project):
    def alike(frame: pd.DataFrame) -> pd.DataFrame:
        learned = [column for column in frame if column not in ("flight_id", "scheduled_departure", "late")]
        return frame.assign(**{column: frame[column].iloc[0] for column in learned})

    rewritten("train.csv", alike)(project.day.processed)
    project.forget("02_split")
    refuses(project, TRAIN, ContractBreach, r"train\.csv: all features: nothing to learn from")


def test_a_split_that_fails_leaves_both_parts_of_the_former_one(project: Project):
    rewritten("train_data.csv", lambda frame: frame.assign(late=[1, 1] + [0] * (len(frame) - 2)))(project.day.processed)
    project.forget("01_prepare")
    refuses(project, SPLIT, ContractBreach, r"val\.csv: late: only one class")


def test_train_refuses_an_estimator_that_does_not_exist(project: Project):
    refuses(project, TRAIN, ParameterError, "estimator is 'oracle'. Give one of", estimator="oracle")


def test_train_with_a_registry_that_does_not_answer_keeps_the_former_model(project: Project):
    deaf = Project(project.folder, tracking_uri="http://127.0.0.1:9")
    refuses(deaf, TRAIN, RegistryUnavailable, "does not answer")


def test_train_that_cannot_log_its_model_keeps_the_former_one(project: Project):
    shutil.rmtree(project.settings.data / "mlflow")
    (project.settings.data / "mlflow").mkdir()
    (project.settings.data / "mlflow" / "artifacts").write_text("a file where a folder should be")
    refuses(project, TRAIN, StageFailed, "artifacts")


def test_predict_refuses_a_model_that_does_not_resolve(project: Project):
    refuses(
        project, PREDICT, ModelNotFound, "models/1999-01-01 is not a model.*model_uri", model_uri="models/1999-01-01"
    )


def test_predict_refuses_a_model_that_may_run_code_and_nothing_of_it_runs(project: Project):
    ran = project.folder / "ran"
    (project.day.models / "model.pkl").write_bytes(f"cos\nmkdir\n(V{ran}\ntR.".encode())
    stated = (project.day.models / "MLmodel").read_text().replace("model.skops", "model.pkl")
    (project.day.models / "MLmodel").write_text(stated.replace("format: skops", "format: cloudpickle"))
    refuses(project, PREDICT, ModelNotFound, "may run code.*it is saved as cloudpickle", model_uri=f"models/{DS}")
    assert not ran.exists()


def test_predict_without_a_champion_says_how_to_get_one(project: Project):
    refuses(project, PREDICT, ModelNotFound, "champion is not a model.*Have one approved")
