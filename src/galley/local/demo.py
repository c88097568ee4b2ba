"""The demonstration: the whole job once, on the real scheduler, and what came of it."""

import time
from datetime import UTC, datetime

from galley.local import failure, history, parking, ports, summary
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


def run(ds: str | None = None, days: int = 28) -> int:
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
    progress = Progress(explain=lambda run, task: failure.reason(run, task, settings))
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
        """Have the steps of a phase, which are days of one DAG, done that are not yet; return the runs of all.

        Raises RunFailed.
        """
        before = self.client.runs(phase[0].dag_id, [step.day.ds for step in phase])
        for step in phase:
            self._ask_for(step, before.get(step.day.ds))
        runs = self._look_at(phase)
        while under_way := [step for step, run in runs.items() if run.state != "success"]:
            self.services.check()
            time.sleep(NAP)
            runs |= self._look_at(under_way)
            self.progress.show([runs[step] for step in under_way])
            for step in under_way:
                self._answer_review(runs[step])
        return list(runs.values())

    def _ask_for(self, step: Step, run: DagRun | None) -> None:
        if run is not None and step.is_done(run):
            self.progress.tell(run, "done already")
            return
        if run is not None and run.did_nothing:
            self.client.delete(run)
            run = None
        if run is None:
            self.client.trigger(step.dag_id, step.day.ds, step.conf)
        elif run.state == "failed":
            self.client.clear(run, only_failed=True)
        elif run.state == "success":
            self.progress.tell(run, f"was done, but {step.missing[0]} is gone: done again")
            self.client.clear(run, only_failed=False)

    def _look_at(self, steps: list[Step]) -> dict[Step, DagRun]:
        """How runs of one DAG that were asked for stand. Raises RunFailed."""
        found = self.client.runs(steps[0].dag_id, [step.day.ds for step in steps])
        for step in steps:
            run = found.get(step.day.ds)
            if run is None:
                raise RunFailed(f"{step.dag_id} {step.day} has no run any more. Did someone delete it? Start again.")
            if run.state == "failed" or run.did_nothing:
                self.progress.show([run])
                raise RunFailed(failure.describe(run, self.airflow.settings))
            if run.state == "success" and step.missing:
                raise RunFailed(
                    f"{step.dag_id} {step.day} is a success without {step.missing[0]}. See its tasks: make up"
                )
        return {step: found[step.day.ds] for step in steps}

    def _answer_review(self, run: DagRun) -> None:
        for task in run.tasks:
            if parking.may_be_answered(run, task, self.airflow.settings):
                user = (self.airflow.settings.who_reviews or reviewers(self.airflow.settings))[0]
                self.progress.tell(run, f"{task.task_id:<14} answered by {user} through the API: Approve")
                self._client_of(user).answer(run, task.task_id, "Approve", reason=REASON)

    def _client_of(self, user: str) -> Client:
        return Client(self.airflow.url, user, self.airflow.passwords()[user])

    def _wait_for_airflow(self) -> None:
        self.services.check()
        self.progress.wait_for("Airflow starts")
