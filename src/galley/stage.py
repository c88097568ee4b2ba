"""Stage: what a notebook uses to say which day it works on, what it read, what it wrote and what it concludes.

Each statement is an output of the notebook itself, in a MIME type of ours beside readable text, so that whoever
ran the notebook reads it back from the notebook and from nowhere else.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galley import handover
from galley.days import Day, is_day
from galley.errors import ConclusionError, MissingInput, StageBusy
from galley.kernels.environment import environment
from galley.settings import Settings, absolute_path, relative_name
from galley.storage import files, lock

if TYPE_CHECKING:
    from galley.problems.problem import Problem

MIME_TYPE = "application/vnd.galley+json"
"""Of what a stage states, as an output of its own notebook."""
CONCLUSION_LIMIT = 48 * 1024
"""Bytes of JSON a conclusion may have: it goes to XCom, which is a row in Airflow's database."""


class Stage:
    """The run of one stage for one day, as the notebook sees it.

    `ds` left at None means the latest day there is, which is what someone in JupyterLab wants.
    """

    def __init__(self, ds: str | None = None) -> None:
        # A task says which model it is about; whoever runs a notebook manually does it in the folder of its DAG.
        settings = Settings.from_environment()
        self.settings = settings if settings.model_name else settings.for_model(dag_id=Path.cwd().name)
        self.day = Day.latest(self.settings) if ds is None else Day.of(ds, self.settings)
        self.run: dict[str, Any] = json.loads(os.environ.get(handover.RUN, "{}"))
        """What asked for it: `dag_id`, `run_id`, `task_id`, `map_index`, `try_number`; empty where no task did."""
        self._concluded = False
        self._written: dict[str, dict[str, handover.Written]] = {}
        self._wrote: list[str] = []
        self._read: dict[Path, str] = {}
        note = "" if ds is not None else " (ds was left at None: the latest day there is)"
        _state({"kind": "day", "ds": self.day.ds, "environment": environment()}, f"day {self.day}{note}")

    def read(self, path: Path) -> Path:
        """Say that the stage reads this file or folder, and return where it is on this machine, not to be written to.

        A file that differs from what an accepted notebook of its day stated as written is read, and that is stated too;
        but in a task and in `galley execute`, not if a stage of the same day and DAG wrote it. Raises MissingInput if
        it is not there, and ContractBreach if it is not what that stage before recorded.
        """
        name = relative_name(path.absolute(), self.settings)
        try:
            here = files.local(path)
            facts = _facts(here)
        except FileNotFoundError:
            raise MissingInput(f"{name} is not there. Run the stage that writes it for {self.day} first.") from None
        handover.check(handover.file_digests(name, facts))
        self._read[path.absolute()] = facts["sha256"]
        writer = self._writer(path, name)
        if writer and writer.sha256 != facts["sha256"]:
            facts["changed_since"] = writer._asdict()
        _state_file("input", "read ", name, facts)
        return here

    def _writer(self, path: Path, name: str) -> handover.Written | None:
        """What the reports of the day that a file is of say that they wrote there."""
        ds = handover.dated(path) or self.day.ds
        if ds not in self._written:
            self._written[ds] = handover.written(self.settings.outputs / ds)
        own = any(f"{name}/".startswith(f"{wrote}/") for wrote in self._wrote)  # in this run, of which none says yet
        return None if own else self._written[ds].get(name)

    @contextmanager
    def write(self, path: Path) -> Iterator[Path]:
        """A temporary path that becomes `path`, whole, when the block ends; if it raises, `path` stays as it was.

        The block may make a folder there instead of a file: then its files appear together. Of those that write to one
        folder of a day, whoever comes second waits for the first. Raises StageBusy if a file there was written again
        since this stage read it.
        """
        facts: dict[str, Any] = {}
        folder = self._folder_of(path.absolute())
        with lock.locked(folder) as right, files.replacing(path, aside=folder) as draft:
            self._check_unchanged(folder)
            yield draft
            right.confirm()
            if draft.exists():
                facts = _facts(draft)
        name = relative_name(path.absolute(), self.settings)
        self._wrote.append(name)
        _state_file("output", "wrote", name, facts)

    def problem(self, **decided: Any) -> "Problem":
        """The problem that the model is about; `decided` is what the notebook decides on it, as threshold=0.3."""
        from galley.problems.problem import problem_of

        return problem_of(self.settings.model, **decided)

    def concluded(self, stage: str) -> dict[str, Any]:
        """What an accepted stage of this day's training concluded, by the stage's name; empty if there is nothing."""
        from galley.registry.evidence import concluded

        return concluded(self.day, stage)

    def _folder_of(self, path: Path) -> Path:
        """What is written as one: the folder of a day in data, or the path itself where it is in none."""
        parts = relative_name(path, self.settings).split("/")
        days = [index for index, part in enumerate(parts) if is_day(part)] if parts[0] == "data" else []
        return absolute_path("/".join(parts[: days[0] + 1]), self.settings) if days else path

    def _check_unchanged(self, folder: Path) -> None:
        for path, sha256 in self._read.items():
            if f"{path}".startswith(f"{folder}/") and files.digest(path) != sha256:
                raise StageBusy(
                    f"{relative_name(path, self.settings)} was written again since this stage read it, by another run. "
                    "Wait for that run's end, then run this stage again."
                )

    def conclude(self, **values: Any) -> None:
        """State once what the stage found: numbers, names and verdicts that XCom, metrics.json and people read.

        Raises ConclusionError, with the name of the value, for what is not JSON or too large.
        """
        if self._concluded:
            raise ConclusionError("The stage has concluded already. Keep one call of conclude(), in the last cell.")
        plain = {name: _as_json(name, value) for name, value in values.items()}
        if len(json.dumps(plain)) > CONCLUSION_LIMIT:
            largest = max(plain, key=lambda name: len(json.dumps(plain[name])))
            raise ConclusionError(
                f"The conclusion is over {CONCLUSION_LIMIT} bytes; {largest!r} is its largest part. "
                "Write it to a file with write() and conclude with a number or a path."
            )
        self._concluded = True
        _state({"kind": "conclusion", "values": plain}, "\n".join(f"{name} = {plain[name]}" for name in plain))


def _facts(here: Path) -> dict[str, Any]:
    """What is stated of a file or folder of this machine, beside its name."""
    if not here.is_dir():
        return {"sha256": files.digest(here), "bytes": files.size(here)}
    digests = {name: files.digest(here / name) for name in files.names_in(here)}
    return {
        "sha256": files.digest_of(digests),
        "bytes": files.size(here),
        "files": list(digests),
        "digests": digests,
    }


def _state_file(kind: str, verb: str, name: str, facts: dict[str, Any]) -> None:
    text = f"{verb} {name}  {facts['bytes']:,} bytes  sha256 {facts['sha256'][:12]}"
    if writer := facts.get("changed_since"):
        text += f"\n      CHANGED since {writer['by']} wrote it (sha256 {writer['sha256'][:12]})"
    _state({"kind": kind, "path": name, **facts}, text)


def _as_json(name: str, value: Any) -> Any:
    """The value as plain JSON. NumPy's scalars are taken for the numbers they are."""
    try:
        return json.loads(json.dumps(value, allow_nan=False, default=_number))
    except (TypeError, ValueError) as error:
        raise ConclusionError(
            f"{name!r} cannot be concluded: {error}. Give plain JSON: finite numbers, texts, true, false, lists, dicts."
        ) from None


def _number(value: Any) -> Any:
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):
        return value.item()
    raise TypeError(f"an object of type {type(value).__name__} is no JSON")


def _state(facts: dict[str, Any], text: str) -> None:
    # Imported here: only a kernel has IPython, and the airflow environment reads this module for its MIME type.
    from IPython.display import display

    display({MIME_TYPE: facts, "text/plain": text}, raw=True)
