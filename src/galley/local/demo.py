"""The demonstration: the whole job once, on the real scheduler, and what came of it."""

import time
from datetime import UTC, datetime

from galley.local import failure, history, ports, summary
from galley.local.airflow import ADMIN, Airflow, airflow_home, database, reviewers
from galley.local.api import NAP, Client
from galley.local.errors import RunFailed
from galley.local.lock import exclusive
from galley.local.plan import Plan, Step
from galley.local.progress import Progress
from galley.local.runs import DagRun
from galley.local.services import Services
from galley.settings import Settings

REASON = "Demonstration: `make run` answers its own review, so that the whole job can be seen. Nobody looked at it."


def run(ds: str | None = None, days: int = 7) -> int:
    """Make data for `days` days up to `ds`, train on the last, answer the review, predict; say what came of it."""
    settings = Settings.from_environment()
    plan = Plan.of(ds, days, settings)
    known = [history.run(database(settings), step.dag_id, step.day.ds) for step in plan.steps]
    if all(step.is_done(run) for step, run in zip(plan.steps, known, strict=True)):
        print("All of this is done already.")
        runs = [run for run in known if run is not None]
    else:
        runs = _perform(plan, settings)
    print(summary.of(plan, runs))
    return 0


def _perform(plan: Plan, settings: Settings) -> list[DagRun]:
    home = airflow_home(settings)
    progress = Progress()
    with exclusive(home / "lock", "make run"), Services(home / "logs" / "services") as services:
        try:
            # Any port will do: nobody is meant to look at this one.
            airflow = Airflow(settings, port=ports.free(), schedule=False)
            demonstration = Demonstration(airflow, services, progress)
            demonstration.start(plan.dag_ids)
            return [run for phase in plan.phases for run in demonstration.perform(phase)]
        finally:
            progress.end()


class Demonstration:
    """Steps performed on a running Airflow, with someone watching."""

    def __init__(self, airflow: Airflow, services: Services, progress: Progress) -> None:
        self.airflow = airflow
        self.services = services
        self.progress = progress
        self.client = self._client_of(ADMIN)

    def start(self, dag_ids: list[str]) -> None:
        """Bring Airflow up and wait until it knows the DAGs."""
        began = datetime.now(UTC)
        self.progress.say("Starting Airflow: API server, scheduler, DAG processor, triggerer.")
        self.airflow.prepare()
        for service in self.airflow.services():
            self.services.start(service)
        self.client.wait_until_ready(dag_ids, began, self._wait_for_airflow)
        for dag_id in dag_ids:
            self.client.unpause(dag_id)

    def perform(self, phase: list[Step]) -> list[DagRun]:
        """Have the steps of a phase done, those that are not yet, and return their runs. Raises RunFailed."""
        for step in phase:
            self._ask_for(step)
        while True:
            self.services.check()
            runs = [run for step in phase if (run := self.client.run(step.dag_id, step.day.ds)) is not None]
            self.progress.show(runs)
            for run in runs:
                self._answer_review(run)
            if failed := [run for run in runs if run.state == "failed"]:
                raise RunFailed(failure.describe(failed[0], self.airflow.settings))
            if len(runs) == len(phase) and all(run.state == "success" for run in runs):
                return runs
            time.sleep(NAP)

    def _ask_for(self, step: Step) -> None:
        run = self.client.run(step.dag_id, step.day.ds)
        if run is None:
            self.client.trigger(step.dag_id, step.day.ds)
        elif run.state == "failed":
            self.client.clear(run, only_failed=True)
        elif run.state == "success" and step.missing:
            self.progress.say(f"{step.dag_id} {step.day} was done, but {step.missing[0]} is gone: it is done again.")
            self.client.clear(run, only_failed=False)

    def _answer_review(self, run: DagRun) -> None:
        for task in run.tasks:
            if task.state == "awaiting_input":
                user = reviewers(self.airflow.settings)[0]
                self.progress.say(f"       {run.dag_id} {run.ds}: {user} approves, through the API, with a reason.")
                self._client_of(user).answer(run, task.task_id, "Approve", reason=REASON)

    def _client_of(self, user: str) -> Client:
        passwords, _ = self.airflow.passwords()
        return Client(self.airflow.url, user, passwords[user])

    def _wait_for_airflow(self) -> None:
        self.services.check()
        self.progress.wait_for("Airflow starts")
