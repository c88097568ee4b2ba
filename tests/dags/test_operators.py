"""The operator, the sensor and the review, each doing its work with a context as Airflow gives it."""

import logging
import os
import re
from datetime import timedelta
from importlib.util import find_spec
from types import SimpleNamespace

import nbformat
import pytest

from galley.airflow import compat
from galley.airflow.compat import AirflowFailException, AirflowSensorTimeout, AirflowSkipException
from galley.airflow.credentials import mlflow_credentials
from galley.airflow.links import ReportLink
from galley.airflow.notebook import NotebookOperator, StageRetryPolicy
from galley.airflow.sensors import FilesSensor
from galley.errors import (
    ContractBreach,
    InvalidDay,
    OutOfMemory,
    ParameterError,
    RegistryUnavailable,
    SettingsError,
    StageFailed,
    StageInterrupted,
)
from galley.storage import files


def context(map_index=-1):
    ti = SimpleNamespace(
        dag_id="train", task_id="count", run_id="manual__1", map_index=map_index, try_number=1, log_url="http://log"
    )
    ti.pushed = {}
    ti.xcom_push = ti.pushed.__setitem__
    return {"ti": ti, "task_instance": ti}


@pytest.fixture
def notebook(home, runner, monkeypatch):
    """A stage that counts, and fails when told to."""
    for name, value in {**runner, "GALLEY_NOTEBOOKS": str(home / "notebooks")}.items():
        monkeypatch.setenv(name, value)
    cells = [
        nbformat.v4.new_code_cell(
            "ds: str = None  # the day\nupto: int = 3  # how far to count", metadata={"tags": ["parameters"]}
        ),
        nbformat.v4.new_code_cell("from galley.stage import Stage\nstage = Stage(ds)"),
        nbformat.v4.new_code_cell("stage.conclude(total=sum(range(upto)), worst=1 / upto)"),
    ]
    kernelspec = {"name": "data", "display_name": "galley data", "language": "python"}
    path = home / "notebooks/02_count.ipynb"
    path.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernelspec}), path)
    return path


def operator(notebook, **parameters):
    return NotebookOperator(task_id="count", input_nb=str(notebook), parameters={"ds": "2026-11-23", **parameters})


def test_a_task_returns_what_its_notebook_concluded_and_links_to_the_report(notebook, home):
    task = operator(notebook, upto="4")
    assert task.execute(context()) == {"total": 6, "worst": 0.25}
    folder = home / "outputs/2026-11-23/train"
    assert (folder / "02_count.ipynb").is_file()
    link = ReportLink().get_link(task, ti_key=None)
    assert link == "/plugin/reports/galley/reports/2026-11-23/train/attempts/02_count.try1.html"


def test_a_link_leads_to_where_airflow_is_served_when_it_is_followed(notebook, monkeypatch):
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "http://localhost:36599/airflow")
    task = operator(notebook)
    task.execute(context())
    link = ReportLink().get_link(task, ti_key=None)
    assert link == "/airflow/plugin/reports/galley/reports/2026-11-23/train/attempts/02_count.try1.html"


@pytest.fixture
def who(notebook, monkeypatch):
    """A stage that says who it is in MLflow; `stages`, unless its task asks for somebody else."""
    cells = nbformat.read(notebook, as_version=4)
    cells.cells[-1].source = (
        "import os\n"
        "user, password = (os.environ[f'MLFLOW_TRACKING_{name}'] for name in ('USERNAME', 'PASSWORD'))\n"
        "stage.conclude(user=user, backwards=password[::-1])"
    )
    nbformat.write(cells, notebook)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "stages")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "seldom")
    return notebook


def test_a_task_that_names_a_connection_is_its_user_in_mlflow_and_no_other_task_is(who, home, monkeypatch):
    connection = '{"conn_type": "generic", "login": "galley", "password": "drowssap"}'
    monkeypatch.setenv("AIRFLOW_CONN_GALLEY_PROMOTION", connection)
    named = {"task_id": "count", "input_nb": str(who), "parameters": {"ds": "2026-11-23"}}
    task = NotebookOperator(**named, mlflow_conn_id="galley_promotion")
    assert task.execute(context()) == {"user": "galley", "backwards": "password"}
    left = [path.read_bytes() for path in (home / "outputs").rglob("*") if path.is_file()]
    assert left
    assert not any(b"drowssap" in text for text in left)
    assert NotebookOperator(**named).execute(context()) == {"user": "stages", "backwards": "modles"}


@pytest.mark.parametrize(
    ("connection", "said"),
    [
        ("http://ada:pw@mlflow.example.org:5000", ["http://mlflow.example.org:5000", "ada", "pw", ""]),
        (
            '{"conn_type": "mlflow", "host": "https://mlflow.example.org/x", "password": "t"}',
            ["https://mlflow.example.org/x", "", "", "t"],
        ),
        ('{"conn_type": "https", "host": "mlflow.example.org"}', ["https://mlflow.example.org"]),
        ('{"conn_type": "generic", "login": "ada", "password": "pw"}', [None, "ada", "pw", ""]),
    ],
)
def test_a_connection_with_a_host_says_where_mlflow_is_and_keeps_who_asks_out_of_the_address(
    connection, said, monkeypatch
):
    monkeypatch.setenv("AIRFLOW_CONN_MLFLOW", connection)
    names = ("URI", "USERNAME", "PASSWORD", "TOKEN")
    expected = {f"MLFLOW_TRACKING_{name}": value for name, value in zip(names, said, strict=False) if value is not None}
    assert mlflow_credentials("mlflow") == expected


def test_a_stage_of_such_a_task_has_the_address_in_its_settings(who, monkeypatch):
    cells = nbformat.read(who, as_version=4)
    cells.cells[-1].source = "stage.conclude(uri=stage.day.settings.tracking_uri)"
    nbformat.write(cells, who)
    monkeypatch.setenv("AIRFLOW_CONN_MLFLOW", "http://ada:drowssap@mlflow.example.org:5000")
    task = NotebookOperator(
        task_id="count", input_nb=str(who), parameters={"ds": "2026-11-23"}, mlflow_conn_id="mlflow"
    )
    assert task.execute(context()) == {"uri": "http://mlflow.example.org:5000"}


def test_where_airflow_has_no_such_connection_a_task_is_in_mlflow_who_all_are(who):
    task = NotebookOperator(
        task_id="count", input_nb=str(who), parameters={"ds": "2026-11-23"}, mlflow_conn_id="galley_promotion"
    )
    assert task.execute(context()) == {"user": "stages", "backwards": "modles"}


def test_a_failed_task_links_to_its_report_too_and_publishes_nothing(notebook, home, caplog):
    task = operator(notebook, upto="0")
    with caplog.at_level(logging.INFO), pytest.raises(StageFailed, match=r"ZeroDivisionError.*cell 4"):
        task.execute(context())
    assert "attempts/02_count.try1.html" in ReportLink().get_link(task, ti_key=None)
    assert not (home / "outputs/2026-11-23/train/02_count.ipynb").exists()
    assert sum("Traceback" in record.getMessage() for record in caplog.records) == 1


def test_mapped_tasks_keep_their_records_apart(notebook, home):
    operator(notebook).execute(context(map_index=0))
    operator(notebook).execute(context(map_index=7))
    names = sorted(path.name for path in (home / "outputs/2026-11-23/train").glob("*.ipynb"))
    assert names == ["02_count.m0.ipynb", "02_count.m7.ipynb"]


def test_wrong_parameters_stop_a_task_before_a_kernel_starts(notebook):
    with pytest.raises(ParameterError, match="no parameter 'uptoo'"):
        operator(notebook, uptoo=4).execute(context())


def test_a_day_that_is_no_date_stops_a_task(notebook):
    with pytest.raises(InvalidDay, match="YYYY-MM-DD"):
        operator(notebook, ds="../../etc").execute(context())


def test_a_task_whose_condition_is_not_true_is_skipped():
    task = NotebookOperator(task_id="promote", input_nb="x.ipynb", run_if="False")
    with pytest.raises(AirflowSkipException):
        task.execute(context())


def test_an_output_path_of_ones_own_is_refused_where_the_dag_is_written():
    with pytest.raises(SettingsError, match="output_nb"):
        NotebookOperator(task_id="a", input_nb="x.ipynb", output_nb="/elsewhere.ipynb")


@pytest.mark.parametrize(
    ("error", "action", "seconds"),
    [
        (ContractBreach("x"), "fail", None),
        (ParameterError("x"), "fail", None),
        (StageFailed("x"), "fail", None),
        (OutOfMemory("x"), "fail", None),
        (StageInterrupted("x"), "retry", 30),
        (RegistryUnavailable("x"), "retry", 30),
        (OSError("x"), "default", None),
    ],
)
def test_only_what_may_pass_is_retried(error, action, seconds):
    decision = StageRetryPolicy().evaluate(error, 1, 3)
    assert decision.action.value == action
    assert decision.retry_delay == (seconds and timedelta(seconds=seconds))


def test_before_airflow_has_retry_policies_what_is_final_is_an_error_that_airflow_does_not_retry():
    operator = NotebookOperator(task_id="fit", input_nb="x.ipynb", retries=3)
    for error, is_final in ((ContractBreach("of 3 rows"), True), (StageInterrupted("x"), False), (OSError("x"), False)):
        with pytest.raises(type(error), match=str(error)) as raised, compat.retries(operator, context()):
            raise error
        assert isinstance(raised.value, AirflowFailException) == (is_final and not compat.HAS_RETRY_POLICIES)
        assert type(raised.value).__name__ == type(error).__name__


def test_a_stage_that_ran_out_of_memory_is_retried_if_its_task_asks_for_it():
    policy = StageRetryPolicy(also=(OutOfMemory,))
    actions = [policy.evaluate(error, 1, 3).action.value for error in (OutOfMemory("x"), ContractBreach("x"))]
    assert actions == ["retry", "fail"]


def test_a_limit_that_is_none_is_refused_where_the_dag_is_written():
    with pytest.raises(SettingsError, match="fit: memory: 'lots' is not a size, as in 512m or 4g"):
        NotebookOperator(task_id="fit", input_nb="x.ipynb", memory="lots", cpus=2)


def test_without_kubernetes_client_limits_leave_executor_config_as_it_is(monkeypatch):
    assert find_spec("kubernetes") is None  # tests/chart has it, and the pods
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "KubernetesExecutor")
    given = {"pod_template_file": "large.yaml"}
    stage = {"task_id": "fit", "input_nb": "x.ipynb", "memory": "4g", "cpus": 2}
    assert NotebookOperator(**stage).executor_config == {}
    assert NotebookOperator(**stage, executor_config=given).executor_config == given
    mapped = NotebookOperator.partial(**stage, executor_config=given).expand(parameters=[{}])
    assert mapped.executor_config == given


def test_retries_wait_longer_each_time_and_ten_minutes_at_most():
    delays = [StageRetryPolicy().evaluate(StageInterrupted("x"), n, 9).retry_delay for n in (1, 2, 3, 9)]
    assert delays == [timedelta(seconds=s) for s in (30, 60, 120, 600)]


def test_the_sensor_waits_until_all_its_files_are_there(home):
    paths = ["raw/2026-11-23/data.csv", "raw/2026-11-23/target.csv"]
    sensor = FilesSensor(task_id="wait", paths=paths, unchanged=0)
    folder = home / "data/raw/2026-11-23"
    folder.mkdir(parents=True)
    assert sensor.poke({}) is False
    (folder / "data.csv").write_bytes(b"x")
    assert sensor.poke({}) is False
    (folder / "target.csv").write_bytes(b"x")
    assert sensor.poke({}) is True


@pytest.fixture
def arrival(home):
    """A file that is there since this moment, and a sensor that waits for it."""
    file = home / "data/raw/2026-11-23/data.csv"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"half a ro")
    return file, FilesSensor(task_id="wait", paths=["raw/2026-11-23/data.csv"])


def test_a_file_that_somebody_is_writing_is_waited_for(arrival, capsys):
    file, sensor = arrival
    assert sensor.poke({}) is False
    assert "data/raw/2026-11-23/data.csv changed 0 s ago, and may be in the making" in capsys.readouterr().out
    sensor.unchanged = 0
    assert sensor.poke({}) is True
    file.write_bytes(b"")
    assert sensor.poke({}) is False
    assert "data/raw/2026-11-23/data.csv is empty" in capsys.readouterr().out


def test_a_copy_that_carries_over_its_time_is_new_all_the_same(arrival):
    file, sensor = arrival
    os.utime(file, (0, 0))
    assert sensor.poke({}) is False


def test_a_file_is_whole_when_its_writers_marker_is_there_and_not_before(arrival):
    file, _ = arrival
    sensor = FilesSensor(task_id="wait", paths=["raw/2026-11-23/data.csv"], marker="raw/2026-11-23/_SUCCESS")
    assert sensor.poke({}) is False
    file.with_name("_SUCCESS").touch()
    assert sensor.poke({}) is True
    file.unlink()
    assert sensor.poke({}) is False


def test_a_file_that_a_stage_wrote_is_whole_at_once_unless_it_has_changed(arrival, home):
    file, sensor = arrival
    facts = {
        "path": "data/raw/2026-11-23", "sha256": "", "digests": {"data.csv": files.digest(file)}
    }  # fmt: skip
    node = nbformat.v4.new_notebook(metadata={"galley": {"started": "2026-11-23", "outputs": [facts]}})
    files.write_bytes(home / "outputs/2026-11-23/bring/01_bring.ipynb", nbformat.writes(node).encode())
    assert sensor.poke({}) is True
    file.write_bytes(b"another half")
    assert sensor.poke({}) is False


def test_a_sensor_that_gives_up_names_the_file_that_is_missing(home):
    folder = home / "data/raw/2026-11-23"
    folder.mkdir(parents=True)
    (folder / "data.csv").write_bytes(b"x")
    paths = ["raw/2026-11-23/data.csv", "raw/2026-11-23/target.csv"]
    sensor = FilesSensor(task_id="wait", paths=paths, mode="poke", timeout=0.01, poke_interval=0.01, unchanged=0)
    expected = re.escape("data/raw/2026-11-23/target.csv is not there, and 0 s are over. See what brings it")
    with pytest.raises(AirflowSensorTimeout, match=expected) as raised:
        sensor.execute(context())
    assert "data.csv" not in str(raised.value)


@pytest.mark.local_runner  # the test's image has no extra s3, and its network no way to a store on loopback
def test_a_sensor_and_a_stage_work_on_files_in_a_bucket(in_bucket, notebook, monkeypatch):
    monkeypatch.setenv("GALLEY_DATA", f"{in_bucket}/data")
    monkeypatch.setenv("GALLEY_OUTPUTS", f"{in_bucket}/outputs")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    sensor = FilesSensor(task_id="wait", paths=["raw/2026-11-23/data.csv"])
    assert not sensor.poke({})
    files.write_bytes(in_bucket / "data/raw/2026-11-23/data.csv", b"x")
    assert sensor.poke({})
    task = operator(notebook)
    assert task.execute(context()) == {"total": 3, "worst": 1 / 3}
    link = ReportLink().get_link(task, ti_key=None)
    assert link.endswith("/galley/reports/2026-11-23/train/attempts/02_count.try1.html")
    assert (in_bucket / "outputs/2026-11-23/train/attempts/02_count.try1.ipynb").is_file()
