"""`make run` from a fresh project to its second call, on a real scheduler: one story, told in order.

It is interrupted once, taken up again, called again when all is done, and broken and fixed in one stage.
"""

import json
import signal
from pathlib import Path

import pytest

DS, BEFORE = "2025-03-10", "2025-03-09"
RUN = ("run", "--ds", DS, "--days", "2")


@pytest.fixture(scope="module")
def interrupted(project):
    """The exit code of a run that gets Ctrl-C while its first stage runs."""
    process = project.start(*RUN)
    for line in process.stdout:
        if line.split()[-2:] == ["generate", "running"]:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    return process.returncode


@pytest.fixture(scope="module")
def finished(project, interrupted):
    """What the same command said that took it up again and ended well."""
    code, said = project.run(*RUN)
    assert code == 0, said
    return said


@pytest.fixture(scope="module")
def outputs(project, finished):
    """Where the reports are, after the run."""
    return project.home / "outputs" / DS


def test_ctrl_c_ends_it_and_every_process_of_it(project, interrupted):
    assert interrupted == 128 + signal.SIGINT
    assert project.processes() == []


def test_the_same_command_takes_it_up_again_and_ends_well_with_no_process_left(project, finished):
    assert project.processes() == []


def test_every_file_is_where_it_was_promised(project, finished):
    data = project.home / "data"
    promised = [
        *(data / "raw" / ds / name for ds in (BEFORE, DS) for name in ("data.csv", "target.csv")),
        *(data / "processed" / DS / name for name in ("train_data.csv", "train.csv", "val.csv")),
        data / "models" / DS / "MLmodel",
        data / "models" / DS / "metrics.json",
        *(data / "predictions" / DS / name for name in ("predictions.csv", "predictions.json")),
        project.home / "outputs" / DS / "train_weekly" / "decision.json",
    ]
    assert [path for path in promised if not path.exists()] == []


@pytest.mark.parametrize("dag_id", ["generate_data", "train_weekly", "predict_daily"])
def test_every_stage_left_its_notebook_and_its_page(project, outputs, dag_id):
    stages = [path.stem for path in (project.home / "notebooks" / dag_id).glob("*.ipynb")]
    pages = [outputs / dag_id / f"{stage}{suffix}" for stage in stages for suffix in (".ipynb", ".html")]
    assert pages
    assert [page for page in pages if not page.exists()] == []
    conclusions = json.loads((outputs / dag_id / "metrics.json").read_text())
    assert sorted(conclusions) == sorted(stage.split("_", 1)[1] for stage in stages)


def test_predictions_name_the_dag_the_run_the_task_and_the_try_that_made_them(project, finished):
    run = json.loads((project.home / "data" / "predictions" / DS / "predictions.json").read_text())["run"]
    assert (run["dag_id"], run["task_id"], run["ds"]) == ("predict_daily", "predict", DS)
    assert run["run_id"]
    assert run["try_number"] >= 1


def test_the_answer_to_the_review_was_taken_at_once(finished):
    told = [line for line in finished.splitlines() if " approval " in line]
    assert len([line for line in told if "answered by reviewer" in line]) == 1
    assert not [line for line in told if "up_for_retry" in line]


def test_the_review_was_answered_by_a_named_user_with_the_reason_of_a_demonstration(outputs):
    decision = json.loads((outputs / "train_weekly" / "decision.json").read_text())
    assert decision["decision"] == "Approve"
    assert decision["reviewer"] == "reviewer"
    assert "demonstration" in decision["reason"].lower()


def test_it_tells_stages_model_places_and_the_next_command(project, finished):
    table = finished[finished.rindex("DAG ") :]
    for stage in ("generate", "wait_for_data", "train", "approval", "promote", "predict"):
        assert f" {stage} " in table
    assert "roc_auc" in table
    assert str(project.home / "data" / "predictions" / DS / "predictions.csv") in table
    assert str(project.home / "outputs" / DS) in table
    assert finished.endswith("make up\n")


def test_no_secret_is_in_a_log_or_a_report(project, finished):
    home = project.home / ".airflow"
    secrets = [
        value.encode()
        for name in ("secrets.json", "passwords.json")
        for value in json.loads((home / name).read_text()).values()
    ]
    logs = [path for path in (home / "logs").rglob("*") if path.is_file()]
    files = [path.read_bytes() for path in [*logs, *project.written()]]
    assert len(secrets) == 5
    assert not any(secret in content for secret in secrets for content in files)
    assert not any(secret.decode() in finished for secret in secrets)


def test_nobody_else_can_enter_airflows_home_or_read_what_it_keeps_there(project, finished):
    home = project.home / ".airflow"
    kept = [*(home / name for name in ("airflow.cfg", "secrets.json", "passwords.json")), *home.glob("*.db*")]
    assert home.stat().st_mode & 0o077 == 0
    assert [path.name for path in kept if path.stat().st_mode & 0o077] == []


def test_a_second_call_changes_nothing(project, finished):
    before = project.written()
    code, said = project.run(*RUN)
    assert code == 0
    assert said.startswith("All of this is done already.")
    assert project.written() == before


@pytest.fixture(scope="module")
def broken(project, finished):
    """What a run says that has to predict again, with a stage that fails; and the files that were there before."""
    notebook = project.home / "notebooks" / "predict_daily" / "01_predict.ipynb"
    good = notebook.read_text()
    content = json.loads(good)
    content["cells"][-1]["source"] = 'raise RuntimeError("the last cell was broken")'
    notebook.write_text(json.dumps(content))
    (project.home / "data" / "predictions" / DS / "predictions.json").unlink()
    before = project.written()
    yield *project.run(*RUN), before
    notebook.write_text(good)


def test_a_stage_that_fails_ends_it_with_what_and_where(project, broken):
    code, said, _ = broken
    assert code == 1
    assert f"predict_daily {DS}: predict failed" in said
    assert "the last cell was broken" in said
    places = [Path(line.split(maxsplit=1)[1]) for line in said.splitlines() if line.startswith(("  report", "  log"))]
    assert [place.suffix for place in places] == [".html", ".log"]
    assert all("the last cell was broken" in place.read_text() for place in places)
    assert project.processes() == []


def test_a_day_before_the_dags_start_did_nothing_and_is_no_success(project, broken):
    code, said = project.run("run", "--ds", "2012-12-31", "--days", "1")
    assert code == 1
    assert "generate_data 2012-12-31 did nothing" in said
    assert "Traceback" not in said


def test_what_other_stages_left_is_as_it_was_after_a_failure(project, broken):
    before = broken[-1]
    after = project.written()
    others = [path for path in before if "predict_daily" not in path.parts and "predictions" not in path.parts]
    assert {path: after.get(path) for path in others} == {path: before[path] for path in others}
