"""Handover: what accepted runs say that they wrote, against what a stage or a sensor finds there.

A stage says where a file differs. A run that is kept as a record, which a task and `galley execute` name in their
kernel's environment, refuses it if a stage of the same day and DAG wrote it; somebody who tries things in JupyterLab
is not stopped.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from galley.days import is_day
from galley.errors import ContractBreach
from galley.notebooks.metadata import mapping, read_metadata
from galley.storage import bucket, files

RECORD = "STAGE_RECORD"
"""The variable of a kernel's environment with the path of the accepted run that this one is to be."""
RUN = "STAGE_RUN"
"""The variable of a kernel's environment with what asked for the run, as JSON: DAG, run, task and try of a task."""


AD_HOC = "STAGE_AD_HOC"
"""The variable of the environment of JupyterLab and of `galley diff`: what runs there is no run of the schedule's."""
DIFF = "galley diff"
"""Its value in a run of that command, which registers nothing, whatever it is asked."""


def is_ad_hoc() -> bool:
    """Whether this is JupyterLab or `galley diff`, where a person tries something."""
    return bool(os.environ.get(AD_HOC))


def keeps_versions() -> bool:
    """Whether a version that is registered here is to stay: `galley diff` leaves nothing but its report."""
    return os.environ.get(AD_HOC) != DIFF


class Written(NamedTuple):
    """Which run wrote a file, as in <dag_id>/01_<stage>, and the digest that it stated."""

    by: str
    sha256: str


@dataclass(frozen=True)
class _Run:
    """An accepted run: the digests of the files that it read and wrote, by name."""

    name: str
    started: str
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]

    @classmethod
    def of(cls, notebook: Path) -> Self:
        """What its notebook says; nothing, if that cannot be read."""
        try:
            record = mapping(read_metadata(notebook).get("galley"))
        except (OSError, ValueError, RecursionError, OverflowError):
            record = {}
        return cls(
            f"{notebook.parent.name}/{notebook.stem}",
            str(record.get("started", "")),
            dict(_files_of(record.get("inputs"))),
            dict(_files_of(record.get("outputs"))),
        )


def _files_of(facts: Any) -> Iterator[tuple[str, str]]:
    for fact in facts if isinstance(facts, list) else ():
        known = mapping(fact)
        if isinstance(known.get("path"), str) and isinstance(known.get("sha256"), str):
            yield from file_digests(known["path"], known).items()


def file_digests(name: str, facts: Mapping[str, Any]) -> dict[str, str]:
    """The digest of each file of what is stated under a name: of the file itself, or of all that are in the folder.

    Others may join a folder later, so that its own digest says nothing of the files that a run wrote.
    """
    inside = mapping(facts.get("digests"))
    return {f"{name}/{file}": str(digest) for file, digest in inside.items()} or {name: facts["sha256"]}


def dated(path: Path) -> str:
    """The day that a file is of, by the folders that it is in; empty if they name none."""
    return next(filter(is_day, reversed(path.parts)), "")


def written(reports: Path) -> dict[str, Written]:
    """The files that the accepted runs of a day say that they wrote, by name; the last run counts."""
    folders = bucket.folders(reports) if files.is_remote(reports) else files.listed(reports)
    runs = [run for folder in folders if (reports / folder).is_dir() for run in _accepted(reports / folder)]
    in_order = sorted(runs, key=lambda run: run.started)
    return {name: Written(run.name, sha256) for run in in_order for name, sha256 in run.outputs.items()}


def check(read: Mapping[str, str]) -> None:
    """Raise ContractBreach if what a stage reads is not what the stage before wrote, or was made of what is gone.

    `read` has the files' digests by name. Nothing is asked where no record is kept.
    """
    kept_as = os.environ.get(RECORD)
    if not kept_as:
        return
    own = files.path_of(kept_as)
    runs = [run for run in _accepted(own.parent) if run.name != f"{own.parent.name}/{own.stem}"]
    for name, sha256 in read.items():
        _check(name, sha256, runs)


def _check(name: str, sha256: str, runs: list[_Run]) -> None:
    maker = _last_to_write(runs, name)
    if maker is None:
        return
    stage = maker.name.rpartition("/")[2]
    for source, digest in maker.inputs.items():
        before = _last_to_write([run for run in runs if run is not maker], source)
        if before is not None and before.outputs[source] != digest:
            raise ContractBreach(
                f"{name} was made by {stage} of a {source} that {before.name.rpartition('/')[2]} has written again "
                f"since. Run {stage} again, then this stage."
            )
    if maker.outputs[name] != sha256:
        raise ContractBreach(
            f"{name} is refused: it is not what {stage} recorded. A run that was not kept, or a person, has written "
            f"there since. Run {stage} again, then this stage."
        )


def _accepted(folder: Path) -> list[_Run]:
    """The accepted runs of a DAG's day; attempts are further down."""
    return [_Run.of(folder / name) for name in sorted(files.listed(folder)) if name.endswith(".ipynb")]


def _last_to_write(runs: list[_Run], name: str) -> _Run | None:
    return max((run for run in runs if name in run.outputs), key=lambda run: run.started, default=None)
