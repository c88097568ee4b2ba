"""Growth: what a stage, a page of reports, a review, the journal and a sensor cost after 10, 100 and 1,825 days.

Usage: .venvs/bench/bin/python benchmarks/growth.py [ROUNDS]

Each history has a folder of its own: twelve stages a day, a version and a decision for each week. What is measured is
done for its last day, which is the same real one in all, and the histories take turns. Old days are hard links to that
one: what is in them nobody looks at.
"""

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import nbformat
from deciding import approve
from measuring import HOME, in_turns, keep, ratios, rounds_of, seconds, shown, summed_up, table

from galley.airflow.sensors import FilesSensor
from galley.days import Day
from galley.proof.chain import HEAD_TAG
from galley.proof.decision import APPROVE, DIGEST_TAG, DS_TAG, MODEL, Decision
from galley.registry.folder import model_digest
from galley.registry.journal import Entry, champion_on, last_moves_tag
from galley.registry.models import CHAMPION, connect
from galley.registry.versions import Registered, training_run
from galley.reports.index import Index
from galley.reports.key_metric import key_metric
from galley.reports.search import Filter, search
from galley.run.execute import Execution, StageRun
from galley.settings import Settings
from galley.storage import files

HISTORIES = (10, 100, 1825)
LAST = date(2026, 11, 16)
DS = LAST.isoformat()
STAGES = {"generate_data": 1, "predict_daily": 1, "train_weekly": 10}
LAST_WEEK = Filter(since=(LAST - timedelta(6)).isoformat())
TRAINING = ["01_prepare", "02_split", "03_train", "04_validate"]


class Project:
    """A project whose settings hold while it is measured."""

    def __init__(self, folder: Path, days: int) -> None:
        self.folder = folder
        self.environment = {
            "GALLEY_HOME": str(HOME),
            "GALLEY_DATA": str(folder / "data"),
            "GALLEY_OUTPUTS": str(folder / "outputs"),
            "GALLEY_KEYS": str(folder / "keys"),
            # Named, because MLflow puts the last one that it was told into the process's environment.
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow/mlflow.db",
            "JUPYTER_PATH": str(HOME / ".venvs" / "jupyter"),
        }
        self.settings = Settings.from_environment(self.environment)
        self.day = Day(DS, self.settings)
        self.days = [self.day.before(n) for n in range(1, days)]

    def stage(self, name: str) -> None:
        """Run a stage for the last day."""
        os.environ.update(self.environment)
        path = HOME / "notebooks" / f"{name}.ipynb"
        reports = self.day.reports(path.parent.name)
        Execution(StageRun(path, {"ds": DS}, reports, path.stem, path.stem), self.settings).run()

    def begin(self) -> None:
        """A last day that is real: trained on, its model registered."""
        self.stage("generate_data/01_generate")
        for name in TRAINING:
            self.stage(f"train_weekly/{name}")

    def fill(self, first: "Project") -> None:
        """The last day of another project, and days before it."""
        if first is not self:
            shutil.copytree(first.folder, self.folder)
        self._register()
        self.stage("predict_daily/01_predict")
        for day in self.days:
            for of in ("raw", "predictions"):
                linked(getattr(self.day, of), getattr(day, of))
            if day.date.weekday() == LAST.weekday():
                linked(self.day.models, day.models)
        self._report()

    def _register(self) -> None:
        """A version for each week, the last of them champion, and what the journal and its tags say of it."""
        client = connect(self.settings)
        name, source = self.settings.model.name, Registered(client, self.settings).of_day(DS)
        origin = client.get_model_version(name, source.version)
        digest = model_digest(self.day.models)
        version, moves, decided = source.version, [], {}
        for day in [*reversed(self.days[6::7] or self.days[-1:])]:
            said = Decision(APPROVE, "", day.ds, "benchmark", "it is one", f"{day}T12:00:00.000000Z", "by hand", {})
            tags = {DS_TAG: day.ds, DIGEST_TAG + MODEL: digest, **said.tags()}
            version = client.create_model_version(
                name, origin.source, run_id=training_run(self.day.models), tags=tags
            ).version
            decided[str(version)] = day
            entry = Entry(said.decided_at, str(version), APPROVE, said.reviewer, said.reason, said.dag_run)
            moves.append(entry)
            client.set_registered_model_tag(name, *entry.tag())
        for number, head in approve(self.settings, decided, self.day).items():
            client.set_model_version_tag(name, number, HEAD_TAG, head)
        client.set_model_version_tag(name, version, *last_moves_tag(moves))
        client.set_registered_model_alias(name, CHAMPION, version)

    def _report(self) -> None:
        """Notebooks of 40 kB for each stage of each day, as attempts and as accepted runs."""
        output = nbformat.v4.new_output("stream", text="a line of output\n" * 250)
        node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1", outputs=[output]) for _ in range(8)])
        node.metadata.galley = {"end": {"state": "completed"}, "run": {}}
        one = self.settings.outputs / "one.ipynb"
        one.write_text(nbformat.writes(node))
        for day in self.days:
            for dag_id, count in STAGES.items():
                attempts = day.reports(dag_id) / "attempts"
                attempts.mkdir(parents=True)
                for stage in range(1, count + 1):
                    os.link(one, attempts / f"{stage:02}_stage{stage}.try1.ipynb")
                    os.link(one, attempts.with_name(f"{stage:02}_stage{stage}.ipynb"))
                files.write_json(attempts.with_name("metrics.json"), {"stage1": {"score": day.date.day / 31}})

    def look(self, wanted: Filter) -> None:
        """What the newest page of reports reads in a server that has just started."""
        self.index = Index(self.settings.outputs)
        self.look_again(wanted)

    def look_again(self, wanted: Filter) -> None:
        """What it reads in one that has shown it before."""
        index = self.index
        days = index.days()
        for ds, dags in search(index, wanted, lambda _: True, (), "").days:
            for day in dags:
                key_metric(index, ds, day.dag_id, ["stage1.score"], days)

    def journal(self) -> None:
        """What a prediction asks the registry: who was champion that day."""
        champion_on(self._registered().moves_up_to(self.day.date), self.day.date)

    def whole_journal(self) -> None:
        """What a promotion asks it, and a prediction of long ago."""
        _ = self._registered().journal

    def versions(self) -> None:
        """What a review asks it too."""
        registered = self._registered()
        registered.of_day(DS)
        registered.alias(CHAMPION)
        registered.approved()

    def _registered(self) -> Registered:
        return Registered(connect(self.settings), self.settings)

    def sense(self) -> None:
        """A look of a sensor."""
        os.environ.update(self.environment)
        FilesSensor(task_id="wait", paths=[f"raw/{DS}/data.csv", f"raw/{DS}/target.csv"]).poke({})


def linked(source: Path, target: Path) -> None:
    """A folder whose files are other names of the same ones."""
    shutil.copytree(source, target, copy_function=os.link, dirs_exist_ok=True)


QUESTIONS: dict[str, Callable[[Project], None]] = {
    "a stage: prepare": lambda project: project.stage("train_weekly/01_prepare"),
    "the review": lambda project: project.stage("train_weekly/05_review"),
    "a prediction by the champion of the day": lambda project: project.stage("predict_daily/01_predict"),
    "the journal of the champion": Project.journal,
    "the whole journal": Project.whole_journal,
    "champion, versions of a day, approved ones": Project.versions,
    "the reports of the last week": lambda project: project.look(LAST_WEEK),
    "the reports of the last week, again": lambda project: project.look_again(LAST_WEEK),
    "the newest page of reports": lambda project: project.look(Filter()),
    "the newest page of reports, again": lambda project: project.look_again(Filter()),
    "a look of a sensor": Project.sense,
}


def measure(rounds: int) -> dict[str, Any]:
    """Milliseconds by question and length of the history."""
    with tempfile.TemporaryDirectory(prefix="galley-bench-") as scratch:
        projects = {str(days): Project(Path(scratch).resolve() / str(days), days) for days in HISTORIES}
        first, *_ = projects.values()
        first.begin()
        for project in reversed(projects.values()):  # the first is copied before it is filled
            project.fill(first)
        return {question: in_turns(asked(projects, ask), rounds, unkept=0) for question, ask in QUESTIONS.items()}


def asked(projects: dict[str, Project], ask: Callable[[Project], None]) -> dict[str, Callable[[], float]]:
    """The question, put to each project."""
    return {days: lambda project=project: 1000 * seconds(lambda: ask(project)) for days, project in projects.items()}


def main() -> None:
    """Measure, and keep the table in docs/benchmarks.md and the figures beside this file."""
    for name in ("galley", "traitlets"):
        logging.getLogger(name).setLevel(logging.ERROR)
    results = measure(rounds_of(sys.argv[1:]))
    *shorter, longest = map(str, HISTORIES)
    rows = [
        [
            question,
            *(shown(summed_up(taken[days]), 1) for days in taken),
            *(shown(ratios(taken, longest, days)) for days in shorter),
        ]
        for question, taken in results.items()
    ]
    head = [
        "milliseconds after",
        *(f"{days:,} days" for days in HISTORIES),
        *(f"{longest} : {days}" for days in shorter),
    ]
    told = table(head, rows)
    keep(__file__, results, told)


if __name__ == "__main__":
    main()
