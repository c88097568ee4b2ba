"""What a notebook states through its Stage, and what it raises when that cannot be."""

import json
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from galley import handover
from galley.errors import ConclusionError, ContractBreach, InvalidDay, MissingInput
from galley.stage import CONCLUSION_LIMIT, MIME_TYPE, Stage
from galley.storage import files


@pytest.fixture
def stated(settings, monkeypatch):
    """A function that runs another with a Stage and returns what was stated, without the day."""
    monkeypatch.setenv("GALLEY_HOME", str(settings.home))
    InteractiveShell.instance()

    def run(work):
        with capture_output() as captured:
            work(Stage("2026-11-23"))
        statements = [output.data for output in captured.outputs]
        assert all(MIME_TYPE in data and data["text/plain"] for data in statements)
        return [data[MIME_TYPE] for data in statements][1:]

    return run


def test_reading_states_name_digest_and_size(stated, settings):
    path = settings.data / "raw/2026-11-23/data.csv"
    files.write_bytes(path, b"a,b\n")
    (fact,) = stated(lambda stage: stage.read(path))
    assert fact == {"kind": "input", "path": "data/raw/2026-11-23/data.csv", "sha256": files.digest(path), "bytes": 4}


def accepted(settings, ds, name, started, **output):
    """An accepted notebook of that day which states that it wrote something."""
    node = nbformat.v4.new_notebook(metadata={"galley": {"started": started, "outputs": [{"bytes": 1, **output}]}})
    files.write_bytes(settings.outputs / ds / f"{name}.ipynb", nbformat.writes(node).encode())


def test_a_file_that_is_not_what_was_recorded_is_read_and_that_is_said(stated, settings):
    folder, name = settings.data / "raw/2026-11-22", "data/raw/2026-11-22"
    files.write_bytes(folder / "data.csv", b"a\n")
    files.write_bytes(folder / "other.csv", b"b\n")
    former = {"data.csv": "0" * 64, "other.csv": files.digest(folder / "other.csv")}
    accepted(settings, "2026-11-22", "bring/01_bring", "2026-11-22T01", path=name, sha256="x", digests=former)
    changed, same = stated(lambda stage: [stage.read(folder / "data.csv"), stage.read(folder / "other.csv")])
    assert changed["changed_since"] == {"by": "bring/01_bring", "sha256": "0" * 64}
    assert "changed_since" not in same


def test_the_last_notebook_that_wrote_a_file_counts(stated, settings):
    path = settings.data / "raw/2026-11-23/data.csv"
    files.write_bytes(path, b"a\n")
    stated_path = "data/raw/2026-11-23/data.csv"
    accepted(settings, "2026-11-23", "b/01_last", "2026-11-23T02", path=stated_path, sha256=files.digest(path))
    accepted(settings, "2026-11-23", "c/01_first", "2026-11-23T01", path=stated_path, sha256="0" * 64)
    files.write_bytes(settings.outputs / "2026-11-23/c/02_none.ipynb", b'"kind": "output"')
    (fact,) = stated(lambda stage: stage.read(path))
    assert "changed_since" not in fact


def test_what_the_stage_itself_wrote_is_no_change(stated, settings):
    path = settings.data / "raw/2026-11-23/data.csv"
    accepted(settings, "2026-11-23", "a/01_stage", "1", path="data/raw/2026-11-23/data.csv", sha256="0" * 64)

    def work(stage):
        with stage.write(path) as draft:
            draft.write_bytes(b"new")
        stage.read(path)

    assert "changed_since" not in stated(work)[-1]


def test_what_is_not_there_cannot_be_read(stated, settings):
    with pytest.raises(MissingInput, match=r"data/raw/2026-11-23/data\.csv is not there. Run the stage that writes it"):
        stated(lambda stage: stage.read(stage.day.raw / "data.csv"))


def test_a_relative_path_is_stated_as_the_file_that_it_is(stated, settings, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    files.write_bytes(tmp_path / "data/x.csv", b"1")  # not the project's own data
    (fact,) = stated(lambda stage: stage.read(Path("data/x.csv")))
    assert fact["path"] == str(tmp_path / "data/x.csv")


def test_writing_states_the_file_when_it_is_whole(stated, settings):
    path = settings.data / "processed/2026-11-23/train_data.csv"

    def work(stage):
        with stage.write(path) as draft:
            draft.write_bytes(b"1")
            assert not path.exists()

    (fact,) = stated(work)
    assert (fact["kind"], fact["path"]) == ("output", "data/processed/2026-11-23/train_data.csv")
    assert fact["sha256"] == files.digest(path)


def test_a_folder_is_stated_with_its_files(stated, settings):
    path = settings.data / "models/2026-11-23"

    def work(stage):
        with stage.write(path) as draft:
            draft.mkdir()
            (draft / "MLmodel").write_text("x")

    (fact,) = stated(work)
    assert fact["files"] == ["MLmodel"]


def test_a_write_that_raises_states_nothing_and_leaves_the_old(stated, settings):
    path = settings.data / "x.csv"
    files.write_bytes(path, b"old")

    def work(stage):
        with pytest.raises(ZeroDivisionError), stage.write(path) as draft:
            draft.write_bytes(b"%d" % (1 // 0))

    assert stated(work) == []
    assert path.read_bytes() == b"old"


def test_numbers_of_numpy_and_pandas_are_concluded_as_what_they_are(stated):
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]})
    (fact,) = stated(
        lambda stage: stage.conclude(
            rows=frame["a"].sum(),
            mean=frame["b"].mean(),
            good=np.bool_(True),
            zero=np.array(3),
            nested={"share": np.float32(0.5), "counts": [np.int64(1)]},
        )
    )
    assert fact["values"] == {
        "rows": 3, "mean": 1.0, "good": True, "zero": 3, "nested": {"share": 0.5, "counts": [1]}
    }  # fmt: skip
    json.dumps(fact)


@pytest.mark.parametrize(
    "value",
    [float("nan"), np.float64("inf"), [float("nan")], {1, 2}, object(), np.array([1, 2]), pd.DataFrame({"a": [1]}),
     pd.Timestamp("2026-11-23"), pd.NA, b"x", {(1, 2): 3}, {"deep": [np.datetime64("2026-11-23")]}],
    ids=repr,
)  # fmt: skip
def test_what_is_no_plain_json_is_refused_by_its_name(stated, value):
    with pytest.raises(ConclusionError, match=r"'wrong' cannot be concluded: .*Give plain JSON"):
        stated(lambda stage: stage.conclude(right=1, wrong=value))


def test_what_is_too_large_is_refused_by_its_name(stated):
    with pytest.raises(ConclusionError, match="'large' is its largest part"):
        stated(lambda stage: stage.conclude(small=1, large="x" * CONCLUSION_LIMIT))


def test_a_stage_concludes_once_and_a_refused_conclusion_does_not_count(stated):
    def work(stage):
        with pytest.raises(ConclusionError, match="'a'"):
            stage.conclude(a=object())
        stage.conclude(a=1)
        with pytest.raises(ConclusionError, match="concluded already"):
            stage.conclude(a=2)

    assert stated(work) == [{"kind": "conclusion", "values": {"a": 1}}]


def test_a_stage_without_a_day_works_on_the_latest(stated, settings):
    for name in ("data.csv", "target.csv"):
        files.write_bytes(settings.data / "raw/2026-11-22" / name, b"")
    with capture_output() as captured:
        assert Stage().day.ds == "2026-11-22"
    assert "left at None" in captured.outputs[0].data["text/plain"]


def test_a_stage_of_no_date_is_refused(stated):
    with pytest.raises(InvalidDay):
        Stage("yesterday")


def test_what_another_stage_recorded_is_asked_for_where_a_record_is_kept_and_not_in_jupyterlab(
    stated, settings, monkeypatch
):
    path = settings.data / "processed/2026-11-23/train.csv"
    files.write_bytes(path, b"1")
    folder = settings.outputs / "2026-11-23/dag"
    said = {"path": "data/processed/2026-11-23/train.csv", "sha256": "0" * 64}
    files.write_json(folder / "02_split.ipynb", {"cells": [], "metadata": {"galley": {"outputs": [said]}}})
    assert len(stated(lambda stage: stage.read(path))) == 1
    monkeypatch.setenv(handover.RECORD, str(folder / "03_train.ipynb"))
    with pytest.raises(ContractBreach, match="is not what 02_split recorded"):
        stated(lambda stage: stage.read(path))
    monkeypatch.setenv(handover.RECORD, str(folder / "02_split.ipynb"))
    assert len(stated(lambda stage: stage.read(path))) == 1


def test_a_folder_that_a_file_has_joined_since_is_what_was_recorded(stated, settings, monkeypatch):
    folder, name = settings.data / "models/2026-11-23", "data/models/2026-11-23"
    files.write_bytes(folder / "model", b"1")
    said = {"path": name, "sha256": files.digest(folder), "digests": {"model": files.digest(folder / "model")}}
    accepted(settings, "2026-11-23", "dag/03_train", "1", **said)
    files.write_bytes(folder / "metrics.json", b"{}")
    monkeypatch.setenv(handover.RECORD, str(settings.outputs / "2026-11-23/dag/04_validate.ipynb"))
    assert len(stated(lambda stage: [stage.read(folder), stage.read(folder / "model")])) == 2
    files.write_bytes(folder / "model", b"2")
    for path in (folder, folder / "model"):
        with pytest.raises(ContractBreach, match=f"{name}/model is refused: it is not what 03_train recorded"):
            stated(lambda stage, path=path: stage.read(path))


def test_a_block_that_writes_may_write_another_file_of_the_folder(stated, settings):
    folder = settings.data / "models/2026-11-23"

    def work(stage):
        with stage.write(folder / "one") as one, stage.write(folder / "two") as two:
            one.write_text("1")
            two.write_text("2")

    assert [fact["path"][-3:] for fact in stated(work)] == ["two", "one"]
    assert files.names_in(folder) == ["one", "two"]
