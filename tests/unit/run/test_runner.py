"""A stage that runs in its task's process says which of its limits nothing holds it to."""

import pytest

from galley.run.execute import StageRun
from galley.run.runner import execution_of


@pytest.mark.parametrize(
    ("in_pod", "limits", "ignored"),
    [
        (False, {"memory": "4g", "shm": "1g"}, "memory, shm: not limited here"),
        (True, {"memory": "4g", "shm": "1g"}, "shm: not limited here"),
        (True, {"memory": "4g", "gpus": 1}, ""),
        (False, {}, ""),
    ],
)
def test_limits_that_nothing_holds_a_stage_to_are_named(
    in_pod, limits, ignored, write_notebook, tmp_path, settings, monkeypatch, caplog
):
    monkeypatch.delenv("AIRFLOW_IS_K8S_EXECUTOR_POD", raising=False)
    if in_pod:
        monkeypatch.setenv("AIRFLOW_IS_K8S_EXECUTOR_POD", "True")
    asked = StageRun(notebook=write_notebook("n = 1"), parameters={}, reports=tmp_path, name="01_stage", title="fit")
    execution_of(asked, settings, limits=limits)
    said = [record.getMessage() for record in caplog.records]
    assert [f"fit: {ignored}" in line for line in said] == [True] * bool(ignored)
