"""With data and outputs in a bucket, the same notebooks make the same files, reports, decisions and predictions."""

import json
import uuid
from dataclasses import dataclass

import decide
import pytest
from tiny_project import DS, TINY, GoodDay, Project, lay_down

from galley.proof.verify import verify
from galley.run.attempts import Attempts
from galley.storage import files


@dataclass(frozen=True)
class ProjectInBucket(Project):
    """A project whose data and outputs are in a bucket."""

    url: str = ""

    @property
    def environment(self) -> dict[str, str]:
        return {
            **super().environment,
            "GALLEY_DATA": f"{self.url}/data",
            "GALLEY_OUTPUTS": f"{self.url}/outputs",
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.folder}/mlflow.db",
        }


@pytest.fixture(scope="module", params={"s3": "store", "gs": "gcs"}.items(), ids=["s3", "gs"])
def week(request, tmp_path_factory, empty_database):
    """A project in a bucket, where a day was trained on, reviewed, promoted and predicted."""
    kind, server = request.param
    request.getfixturevalue(server)
    project = ProjectInBucket(tmp_path_factory.mktemp("project"), url=f"{kind}://galley/{uuid.uuid4().hex}")
    lay_down(empty_database, project.folder)
    project.run("generate_data/01_generate.ipynb", **TINY)
    project.run("train_weekly/01_prepare.ipynb")
    project.run("train_weekly/02_split.ipynb")
    project.run("train_weekly/03_train.ipynb", settings={"C": 0.1})
    project.run("train_weekly/04_validate.ipynb")
    project.run("train_weekly/05_review.ipynb")
    decide.answer(project.day, "Approve", "grace", "looks well")
    project.run("train_weekly/06_record.ipynb")
    project.run("train_weekly/07_promote.ipynb")
    project.run("predict_daily/01_predict.ipynb", model_as_of="now")
    return project


def test_the_files_are_those_that_a_disk_would_hold(week: ProjectInBucket, good: GoodDay):
    there, here = week.day, good.project.day
    for folder, names in {
        "raw": ["data.csv", "target.csv"],
        "processed": ["train_data.csv", "train.csv", "val.csv"],
    }.items():
        for name in names:
            assert files.digest(getattr(there, folder) / name) == files.digest(getattr(here, folder) / name), name
    assert files.digest(there.models / "model.skops") == files.digest(here.models / "model.skops")
    assert "metrics.json" in files.names_in(there.models)
    predictions = files.read_bytes(there.predictions / "predictions.csv")
    assert predictions == files.read_bytes(here.predictions / "predictions.csv")


def test_everybody_can_read_them_by_their_own_names(week: ProjectInBucket):
    url = f"{week.settings.data}/predictions/{DS}/predictions.csv"
    assert week.settings.data.fs.cat_file(url).startswith(b"flight_id,probability,prediction\n")


def test_the_decision_and_the_numbers_are_beside_the_reports(week: ProjectInBucket):
    reports = week.day.reports("train_weekly")
    decision = files.read_json(reports / "decision.json")
    assert (decision["decision"], decision["reviewer"]) == ("Approve", "grace")
    assert set(files.read_json(reports / "metrics.json")) == {
        "prepare", "split", "train", "validate", "review", "record", "promote",
    }  # fmt: skip
    account = json.loads(files.read_bytes(week.day.predictions / "predictions.json"))
    assert account["model_version"] == decision["version"]


def test_each_stage_has_its_accepted_run_and_its_attempt(week: ProjectInBucket):
    reports = week.day.reports("train_weekly")
    for name in ("01_prepare", "04_validate", "07_promote"):
        kept = Attempts(reports, name)
        assert kept.numbers() == [1]
        assert kept.is_accepted(1)
        assert not kept.is_running()
        assert b"<html" in files.read_bytes(kept.accepted.with_suffix(".html"))


def test_what_the_reports_state_is_what_is_there(week: ProjectInBucket):
    assert verify(week.day) == []
    table = week.day.processed / "train.csv"
    former = files.read_bytes(table)
    files.write_bytes(table, former + b"\n")
    found = {(each.name, each.problem.partition(" (")[0]) for each in verify(week.day)}
    files.write_bytes(table, former)
    assert (f"data/processed/{DS}/train.csv", "has other content now") in found


def test_a_breach_is_told_with_the_files_own_name(week: ProjectInBucket):
    data = week.day.raw / "data.csv"
    former = files.read_bytes(data)
    files.write_bytes(data, former.replace(b"carrier", b"courier", 1))
    with pytest.raises(Exception, match=f"raw/{DS}/data.csv: carrier: the column is missing"):
        week.run("train_weekly/01_prepare.ipynb")
    files.write_bytes(data, former)
    prepare = Attempts(week.day.reports("train_weekly"), "01_prepare")
    assert prepare.read(2).metadata.galley.end.state == "failed"
    assert prepare.is_accepted(1)
