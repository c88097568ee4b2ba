"""NotebookOperator: runs a notebook as a stage, with Papermill, and leaves a record that a reviewer can believe."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galley.airflow import compat, configuration, pods
from galley.airflow.compat import AirflowSkipException, RetryDecision, RetryPolicy
from galley.airflow.credentials import mlflow_credentials
from galley.airflow.dates import ds
from galley.airflow.links import ReportLink
from galley.airflow.papermill import PapermillOperator
from galley.days import Day
from galley.errors import GalleyError, Permanent, SettingsError, StageFailed, Transient
from galley.notebooks.metadata import mapping, read_metadata
from galley.settings import Settings, relative_name
from galley.storage import files

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.mappedoperator import OperatorPartial

    from galley.run.container.execution import ContainerExecution
    from galley.run.execute import Execution

REPORT = "galley_report"
"""Key of the XCom with the digests of the report that a task left: who can write to outputs need not reach Airflow."""

CONCLUSION = "conclusion"
"""What has the digest of the conclusion there."""

_LIMITS = ("memory", "cpus", "gpus", "shm")
_FIRST_DELAY = timedelta(seconds=30)
_LONGEST_DELAY = timedelta(minutes=10)


class StageRetryPolicy(RetryPolicy):
    """Retries what may pass (a dead kernel, a registry that does not answer), with back-off; nothing else of galley's.

    What is not galley's, such as a task that ran into its execution_timeout, is left to the task's own retries. `also`
    are errors that are retried beside those which may pass, such as OutOfMemory.
    """

    def __init__(self, also: tuple[type[GalleyError], ...] = ()) -> None:
        self.also = also

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,  # noqa: ARG002 - Airflow's signature
        context: "Context | None" = None,  # noqa: ARG002
    ) -> RetryDecision:
        """Decide by the error's class."""
        if isinstance(exception, (Transient, *self.also)):
            delay = min(_FIRST_DELAY * 2 ** (try_number - 1), _LONGEST_DELAY)
            return RetryDecision.retry(delay, f"{type(exception).__name__} may pass")
        if isinstance(exception, Permanent | StageFailed):
            return RetryDecision.fail(f"{type(exception).__name__} would come again")
        return RetryDecision.default()


class NotebookOperator(PapermillOperator):
    """Runs one notebook as a stage and returns what it concluded.

    `input_nb` is relative to the notebooks' folder; `parameters` are checked against what the notebook declares before
    a kernel starts. Where the record goes follows from the day: outputs/<ds>/<dag_id>/, the name of the notebook.
    With `run_if`, a template, the task is skipped unless that renders to True. `start_timeout` is in seconds. Where
    GALLEY_RUNNER is docker, the notebook runs in a container of the image that is set for its kernel, or of `image`.
    `memory`, `cpus`, `gpus` and `shm` say what that may use; those left out are as galley.toml has them for the kernel.
    With KubernetesExecutor the task's pod gets the first three, unless a `pod_override` says otherwise.
    `model` names the model of galley.toml that it works on; left blank, the one that the DAG belongs to. A stage that
    moves production names in `mlflow_conn_id` the connection with an MLflow user who may, where not every stage may;
    with a host, the connection says where MLflow is, too.

    Raises an error of the tree in galley.errors; which of them are retried, StageRetryPolicy says.
    """

    template_fields: Sequence[str] = (*PapermillOperator.template_fields, "run_if")
    operator_extra_links = (ReportLink(),)
    # What Airflow keeps of a task's kind: by this, a subclass is known for what it is.
    custom_operator_name = "NotebookOperator"
    ui_color = "#eef4ea"

    def __init__(
        self,
        *,
        input_nb: str,
        run_if: str = "True",
        start_timeout: int = 60,
        image: str | None = None,
        memory: str | None = None,
        cpus: float | None = None,
        gpus: int | None = None,
        shm: str | None = None,
        model: str = "",
        mlflow_conn_id: str = "",
        **kwargs: Any,
    ) -> None:
        policy = kwargs.pop("retry_policy", StageRetryPolicy())
        super().__init__(input_nb=input_nb, **compat.retry_policy(policy), **kwargs)
        self.retry_policy = policy
        if self.kernel_conn_id or self.output_nb:
            raise SettingsError(
                f"{self.task_id}: a stage runs in a kernel of its own and its record goes where the day says. "
                "Leave out kernel_conn_id and output_nb."
            )
        self.run_if = run_if
        self.start_timeout = start_timeout
        self.image = image
        self.limits = _limits({"memory": memory, "cpus": cpus, "gpus": gpus, "shm": shm}, self.task_id)
        declared = partial(_declared_limits, input_nb, self.kernel_name)
        self.executor_config = pods.executor_config(self.executor_config, self.limits, declared)
        self.model = model
        self.mlflow_conn_id = mlflow_conn_id
        self.execution: Execution | ContainerExecution | None = None
        self._is_ending = False

    @classmethod
    def partial(cls, **kwargs: Any) -> "OperatorPartial":
        """What `expand` makes tasks of: Airflow gives their pods what is said here, before there is an operator."""
        limits = _limits({name: kwargs.get(name) for name in _LIMITS}, kwargs.get("task_id", ""))
        declared = partial(_declared_limits, kwargs.get("input_nb"), kwargs.get("kernel_name"))
        made = super().partial(**kwargs)
        made.kwargs["executor_config"] = pods.executor_config(made.kwargs.get("executor_config"), limits, declared)
        return made

    def notebook_path(self, settings: Settings) -> Path:
        """Where the notebook is."""
        return settings.notebooks / str(self.input_nb)

    def execute(self, context: "Context") -> Any:
        """Run the notebook; the conclusion becomes the task's XCom."""
        with compat.retries(self, context):
            return self._run(context)

    def _run(self, context: "Context") -> Any:
        # Imported here, so that parsing a DAG does not pay for papermill, nbconvert and nbclient.
        from galley.run.execute import StageRun, stage_name
        from galley.run.runner import execution_of

        if str(self.run_if) != "True":
            raise AirflowSkipException(f"run_if is {self.run_if!r}, not True")
        ti = context["ti"]
        settings = configuration.settings().for_model(self.model, ti.dag_id)
        parameters = self.parameters or {}
        day = Day.of(parameters.get("ds") or ds(context["dag"], context["dag_run"]), settings)
        name = stage_name(Path(str(self.input_nb)), ti.map_index)
        self.execution = execution_of(
            StageRun(
                notebook=self.notebook_path(settings),
                parameters=parameters,
                reports=day.reports(ti.dag_id),
                name=name,
                title=f"{ti.dag_id} · {ti.task_id} · {day}",
                kernel=self.kernel_name,
                run={
                    "dag_id": ti.dag_id,
                    "run_id": ti.run_id,
                    "task_id": ti.task_id,
                    "map_index": ti.map_index,
                    "try_number": ti.try_number,
                    "ds": day.ds,
                },
                start_timeout=self.start_timeout,
                environment=mlflow_credentials(self.mlflow_conn_id) if self.mlflow_conn_id else {},
            ),
            settings,
            self.image,
            self.limits,
        )
        if self._is_ending:  # before there was anything to end
            self.execution.kill()
        conclusion = self.execution.run().conclusion
        left = {**_digests(day.reports(ti.dag_id), name, settings), CONCLUSION: conclusion_digest(conclusion)}
        ti.xcom_push(REPORT, left)
        return conclusion

    def on_kill(self) -> None:
        """End the run, so that its record says that it was killed and no kernel is left."""
        self._is_ending = True
        if self.execution is not None:
            self.execution.kill()


def _limits(given: Mapping[str, Any], task_id: str) -> dict[str, Any]:
    """Those that are given. Raises SettingsError for one that is not valid."""
    limits = {name: limit for name, limit in given.items() if limit is not None}
    if not limits:
        return {}
    from galley.project import Limits

    return Limits().but(limits, task_id).model_dump(include=set(limits))


def _declared_limits(input_nb: object, kernel: object) -> dict[str, Any]:
    """Those of a stage's kernel in galley.toml; none where Airflow reads the DAG away from project or notebook."""
    try:
        settings = configuration.settings()
        named = mapping(read_metadata(settings.notebooks / str(input_nb)).get("kernelspec")).get("name")
        found = settings.project.kernels.get(str(kernel or named))
    except (GalleyError, OSError, ValueError):
        return {}
    return found.model_dump(include=set(_LIMITS), exclude_none=True) if found else {}


def conclusion_digest(conclusion: Any) -> str:
    """The digest of what a stage concluded, which is plain JSON, wherever it is kept."""
    return hashlib.sha256(json.dumps(conclusion, sort_keys=True).encode()).hexdigest()


def _digests(folder: Path, name: str, settings: Settings) -> dict[str, str]:
    """The digests of a stage's accepted notebook and page, by their names in evidence."""
    report = (folder / f"{name}.{kind}" for kind in ("ipynb", "html"))
    return {relative_name(path, settings): files.digest(path) for path in report}
