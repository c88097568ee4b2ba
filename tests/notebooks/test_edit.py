"""`galley diff`: what a person changed in a stage's notebook, as code, and in numbers by a run that leaves no trace."""

import subprocess
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from tiny_project import DS, HERE

from galley.cli import main
from galley.run.execute import Execution, StageRun, stage_name
from galley.storage import files

PARAMETERS = 'ds: str = None  # the day\nshare: float = 0.5  # of the rows\nlabel: str = "a"  # what to call it'
WORK = """from uuid import uuid4
from galley import Stage

stage = Stage(ds)
rows = int(stage.read(stage.day.raw / "rows.txt").read_text())
kept = rows * share
with stage.write(stage.day.processed / "kept.txt") as path:
    path.write_text(f"{kept} {label}")
stage.conclude(rows=rows, kept=kept, label=label, run_id=uuid4().hex)"""


class Desk:
    """A project with one notebook, whose stage ran on a day."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home, self.capsys = home, capsys
        self.notebook = home / "notebooks" / "train" / "01_fit.ipynb"
        self.notebook.parent.mkdir(parents=True)
        self.edit()
        self.arrive("10")

    def edit(self, parameters: str = PARAMETERS, work: str = WORK, text: str = "# Fit") -> None:
        cells = [new_markdown_cell(text), new_code_cell(parameters), new_code_cell(work)]
        cells[1].metadata.tags = ["parameters"]
        node = new_notebook(cells=cells, metadata={"kernelspec": {"name": "data", "display_name": "data"}})
        nbformat.write(node, self.notebook)

    def arrive(self, rows: str) -> None:
        path = self.home / "data" / "raw" / DS / "rows.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rows)

    def schedule(self) -> None:
        assert main(["execute", str(self.notebook), "--ds", DS, "-p", "label", "scheduled"]) == 0
        self.capsys.readouterr()

    def schedule_mapped(self, *shares: float) -> None:
        """As the operator does for a mapped task: a run for each index."""
        reports = self.home / "outputs" / DS / "train"
        for index, share in enumerate(shares):
            asked = {"ds": DS, "share": share}
            Execution(StageRun(self.notebook, asked, reports, stage_name(self.notebook, index), "Fit")).run()

    def diff(self, *words: str) -> tuple[int, str, str]:
        code = main(["diff", "train/01_fit.ipynb", *words])
        said = self.capsys.readouterr()
        return code, said.out, said.err

    def of_the_schedule(self) -> dict[str, str]:
        roots = (self.home / "data", self.home / "outputs")
        return {f"{root.name}/{name}": files.digest(root / name) for root in roots for name in files.names_in(root)}


@pytest.fixture
def desk(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GALLEY_HOME", str(tmp_path))
    monkeypatch.setenv("JUPYTER_PATH", str(HERE / ".venvs" / "jupyter"))
    return Desk(tmp_path, capsys)


@pytest.fixture
def scheduled(desk):
    desk.schedule()
    return desk


def line(said: str, name: str) -> list[str]:
    (found,) = [words for words in map(str.split, said.partition(" difference\n")[2].splitlines()) if name in words[:2]]
    return found


def test_an_edit_is_shown_as_code_and_in_numbers_and_leaves_what_the_schedule_made(scheduled):
    before = scheduled.of_the_schedule()
    scheduled.edit(work=WORK.replace("rows * share", "rows * share + 1"), text="# Fit, and one more")
    code, said, _ = scheduled.diff(DS)
    assert code == 0
    assert "-  kept = rows * share\n" in said
    assert "+  kept = rows * share + 1\n" in said
    assert "# Fit, and one more" in said
    assert line(said, "kept") == ["*", "kept", "5.0", "6.0", "+1"]
    assert line(said, "rows") == ["rows", "10", "10"]
    assert scheduled.of_the_schedule() == before


def test_the_edited_run_is_given_what_the_schedule_gave_and_its_own_defaults(scheduled):
    scheduled.edit(parameters=PARAMETERS.replace("0.5", "0.25").replace('"a"', '"b"'))
    _, said, _ = scheduled.diff(DS)
    assert line(said, "share") == ["*", "share", "0.5", "0.25", "-0.25"]
    assert line(said, "kept") == ["*", "kept", "5.0", "2.5", "-2.5"]
    assert line(said, "label") == ["label", "scheduled", "scheduled"]


def test_without_a_day_it_is_the_latest_and_without_an_edit_nothing_is_marked(scheduled):
    code, said, _ = scheduled.diff()
    assert code == 0
    assert f"Code and text are those of outputs/{DS}/train/01_fit.ipynb." in said
    assert "run_id" in said
    assert "*" not in said


def test_its_page_and_its_files_are_in_a_scratch_folder_that_begins_anew(scheduled):
    folder = scheduled.home / ".scratch" / "diff" / DS / "train" / "01_fit"
    for share in ("0.25", "0.75"):
        scheduled.edit(parameters=PARAMETERS.replace("0.5", share))
        _, said, _ = scheduled.diff(DS)
        assert str(folder / "report" / "01_fit.html") in said
        assert (folder / "data" / "processed" / DS / "kept.txt").read_text() == f"{10 * float(share)} scheduled"
    assert len(list((folder / "report" / "attempts").glob("*.ipynb"))) == 1


def test_of_a_mapped_task_the_run_that_is_meant_is_compared_with(desk):
    desk.schedule_mapped(0.25, 0.75)
    desk.edit(work=WORK.replace("rows * share", "rows * share + 1"))
    code, said, _ = desk.diff(DS, "--map-index", "1")
    assert code == 0
    assert f"--- outputs/{DS}/train/01_fit.m1.ipynb" in said
    assert line(said, "kept") == ["*", "kept", "7.5", "8.5", "+1"]


def test_the_runs_of_a_mapped_task_are_named_where_none_is_meant(desk):
    desk.schedule_mapped(0.25, 0.75)
    code, _, complaint = desk.diff(DS)
    assert code == 1
    assert "train/01_fit has the runs of a mapped task. Say with --map-index which is meant: one of 0, 1." in complaint


def test_data_that_arrived_again_since_the_scheduled_run_is_named(scheduled):
    scheduled.arrive("20")
    _, said, _ = scheduled.diff(DS)
    assert line(said, "rows") == ["*", "rows", "10", "20", "+10"]
    assert f"data/raw/{DS}/rows.txt was written again since the scheduled run read it" in said


def test_a_model_is_not_put_into_production_by_it(scheduled):
    scheduled.edit(work=WORK + "\nfrom galley import promote\npromote(stage.day, None)")
    nbformat.write(
        nbformat.from_dict({**nbformat.read(scheduled.notebook, 4), "metadata": {"kernelspec": {"name": "workbench"}}}),
        scheduled.notebook,
    )
    code, _, complaint = scheduled.diff(DS)
    assert code == 1
    assert "DecisionError" in complaint
    assert "Only the schedule moves production" in complaint


def test_a_day_without_a_run_shows_the_code_since_the_last_commit_and_names_the_days_there_are(scheduled):
    git = ["git", "-C", str(scheduled.home), "-c", "user.name=a", "-c", "user.email=a@example.org"]
    for words in (["init", "-q"], ["add", "notebooks"], ["commit", "-q", "-m", "notebooks"]):
        subprocess.run([*git, *words], check=True)
    scheduled.edit(work=WORK.replace("rows * share", "rows"))
    code, said, complaint = scheduled.diff("2026-11-22")
    assert code == 1
    assert "-  kept = rows * share\n" in said
    assert f"MissingInput: train/01_fit has no completed run of 2026-11-22. Give one of {DS}" in complaint


def test_without_a_run_and_without_a_commit_there_is_nothing_to_compare_with(desk):
    code, _, complaint = desk.diff(DS)
    assert code == 1
    assert "nothing to compare it with. Have the schedule run it, or commit it first." in complaint


def test_a_dag_that_never_ran_is_named_with_those_that_did(scheduled):
    folder = scheduled.home / "notebooks"
    subprocess.run(["git", "-C", str(folder), "init", "-q"], check=True)
    subprocess.run(["git", "-C", str(folder), "add", "."], check=True)
    own = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", "-C", str(folder), *own, "commit", "-q", "-m", "a"], check=True)
    code, _, complaint = scheduled.diff("--dag-id", "other")
    assert code == 1
    assert "No DAG other has run." in complaint
    assert "--dag-id the DAG that runs 01_fit: train." in complaint


def test_a_day_that_is_not_a_date_is_refused(scheduled):
    code, _, complaint = scheduled.diff("yesterday")
    assert code == 1
    assert "InvalidDay" in complaint


def test_a_notebook_outside_the_project_is_refused(scheduled, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "01_fit.ipynb"
    outside.write_bytes(scheduled.notebook.read_bytes())
    assert main(["diff", str(outside)]) == 1
    assert f"is not below {scheduled.home / 'notebooks'}, so no schedule runs it" in scheduled.capsys.readouterr().err


def test_where_there_is_no_nbdime_it_says_what_to_install(scheduled, monkeypatch):
    monkeypatch.setattr("galley.reports.edit.find_spec", lambda _: None)
    code, _, complaint = scheduled.diff(DS)
    assert code == 1
    assert "pip install nbdime" in complaint
