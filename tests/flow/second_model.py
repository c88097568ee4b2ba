"""A second model in the project of the first: its own DAG, operators, stages, folder, reviewers, none the example's."""

import nbformat

from galley.storage import files

DAG = "train_churn"
MODEL = "churn"
FIRST, SECOND = "ada", "grace"
"""Who may answer the review of the example's model, and of this one."""

_DECLARED = f"""
[models.flights-late.policy]
reviewers = ["{FIRST}"]

[models.{MODEL}]
problem = "binary"
key = "customer"
target = "left"
train = "{DAG}"
review = "judge"
predict = "predict_churn"
folder = "{MODEL}"
evidence = ["processed/{{ds}}/customers.csv"]
metrics = ["fit.accuracy"]

[models.{MODEL}.policy]
reviewers = ["{SECOND}"]
"""

_DAG = f"""
from datetime import UTC, datetime

from airflow.sdk import DAG

from galley.airflow import DEFAULT_ARGS, DS, NotebookOperator, ReviewOperator


class Stage(NotebookOperator):
    pass


class Approval(ReviewOperator):
    pass


with DAG(
    dag_id="{DAG}", schedule=SCHEDULE, start_date=datetime(2013, 1, 1, tzinfo=UTC), default_args=DEFAULT_ARGS
):
    fit = Stage(task_id="fit", input_nb="{DAG}/01_fit.ipynb", parameters={{"ds": DS}})
    judge = Stage(task_id="judge", input_nb="{DAG}/02_judge.ipynb", parameters={{"ds": DS}})
    approval = Approval(task_id="approval", subject="Churn of " + DS)
    sign = Stage(task_id="sign", input_nb="{DAG}/03_sign.ipynb", parameters={{"ds": DS}})
    ship = Stage(
        task_id="ship",
        input_nb="{DAG}/04_ship.ipynb",
        run_if="{{{{ ti.xcom_pull('sign')['decision'] == 'Approve' }}}}",
        parameters={{"ds": DS}},
    )
    fit >> judge >> approval >> sign >> ship
"""

_DAY = "ds: str = None  # the day"
_STAGES = {
    "01_fit": (
        _DAY,
        """import mlflow
import mlflow.sklearn
from sklearn.linear_model import LogisticRegression
from galley import Stage, connect, register, training_tags

stage = Stage(ds)
connect(stage.settings)
rows, left = [[float(row)] for row in range(40)], [int(row > 20) for row in range(40)]
customers = stage.day.processed / "customers.csv"
with stage.write(customers) as path:
    path.write_text("customer,left\\n" + "".join(f"{row},{label}\\n" for row, label in enumerate(left)))
with mlflow.start_run() as run, stage.write(stage.day.models) as folder:
    mlflow.set_tags(training_tags(stage.day, customers))
    description = mlflow.models.Model(run_id=run.info.run_id)
    model = LogisticRegression().fit(rows, left)
    mlflow.sklearn.save_model(model, folder, mlflow_model=description, pip_requirements=["scikit-learn"])
    mlflow.log_artifacts(str(folder), "model")
stage.conclude(version=register(stage.day, {"accuracy": 1.0}, stage="fit"), accuracy=1.0)""",
    ),
    "02_judge": (
        _DAY,
        """from galley import Registered, Stage, connect

stage = Stage(ds)
version = Registered(connect(stage.settings), stage.settings).of_day(ds).version
stage.conclude(version=version, summary=f"Version {version} of {stage.settings.model.name}.")""",
    ),
    "03_sign": (
        _DAY,
        """from dataclasses import asdict
from galley import Stage, record
from galley.storage import files

stage = Stage(ds)
recorded = record(stage.day)
with stage.write(stage.day.reports(stage.settings.model.train) / "decision.json") as draft:
    files.write_json(draft, asdict(recorded))
stage.conclude(decision=recorded.decision)""",
    ),
    "04_ship": (
        _DAY,
        """from galley import Stage, promote

stage = Stage(ds)
stage.conclude(version=promote(stage.day, [[1.0], [30.0]]).version)""",
    ),
}


def add(home, schedule=None):
    """Declare it in a project, with its DAG and its notebooks."""
    declared = home / "galley.toml"
    declared.write_text(declared.read_text() + _DECLARED)
    (home / "dags" / f"{DAG}.py").write_text(_DAG.replace("SCHEDULE", repr(schedule)))
    spec = {"name": "workbench", "display_name": "galley workbench", "language": "python"}
    for name, (parameters, code) in _STAGES.items():
        tagged = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
        node = nbformat.v4.new_notebook(cells=[tagged, nbformat.v4.new_code_cell(code)], metadata={"kernelspec": spec})
        files.write_bytes(home / "notebooks" / DAG / f"{name}.ipynb", nbformat.writes(node).encode())
