"""Handover: what a stage reads is what the accepted runs before it, of the same day and DAG, say that they wrote.

Asked of a run that is kept as a record, not of somebody who tries things in JupyterLab: a task and `galley execute`
name the record in their kernel's environment.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from galley.errors import ContractBreach
from galley.reports.record import read_metadata
from galley.settings import Settings, absolute_path
from galley.storage import files

RECORD = "STAGE_RECORD"
"""The variable of a kernel's environment with the path of the accepted run that this one is to be."""


@dataclass(frozen=True)
class _Run:
    """What an accepted run says of its files, by their names."""

    stage: str
    ended: str
    inputs: Mapping[str, Mapping[str, Any]]
    outputs: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, notebook: Path) -> "_Run":
        """What its notebook says; nothing, if that cannot be read."""
        try:
            record = read_metadata(notebook).get("galley")
        except (OSError, ValueError, RecursionError, OverflowError):
            record = None
        said = record if isinstance(record, Mapping) else {}
        return cls(
            notebook.stem, str(said.get("ended", "")), _by_name(said.get("inputs")), _by_name(said.get("outputs"))
        )

    def output_with(self, name: str) -> Mapping[str, Any] | None:
        """The file, or the folder that holds it, as this run wrote it."""
        holding = (
            fact
            for folder, fact in self.outputs.items()
            if name.startswith(f"{folder}/") and name.removeprefix(f"{folder}/") in (fact.get("files") or ())
        )
        return self.outputs.get(name) or next(holding, None)


def _by_name(facts: Any) -> dict[str, Mapping[str, Any]]:
    known = facts if isinstance(facts, list) else []
    return {
        fact["path"]: fact
        for fact in known
        if isinstance(fact, Mapping) and isinstance(fact.get("path"), str) and "sha256" in fact
    }


def check(name: str, sha256: str, settings: Settings) -> None:
    """Raise ContractBreach if what a stage reads is not what the stage before wrote, or was made of what is gone.

    `name` and `sha256` are as the stage states them. Nothing is asked where no record is kept.
    """
    kept_as = os.environ.get(RECORD)
    if not kept_as:
        return
    own = files.path_of(kept_as)
    runs = list(_others(own))
    maker = _last_to_write(runs, name)
    if maker is None:
        return
    for source, fact in maker.inputs.items():
        before = _last_to_write([run for run in runs if run is not maker], source)
        stated = before and before.outputs.get(source)
        if before and stated and stated["sha256"] != fact["sha256"]:
            raise ContractBreach(
                f"{name} was made by {maker.stage} of a {source} that {before.stage} has written again since. Run "
                f"{maker.stage} again, then this stage."
            )
    written = maker.output_with(name) or {}
    if _is_other(written, name, sha256, settings):
        raise ContractBreach(
            f"{name} is refused: {written['path']} is not what {maker.stage} recorded. A run that was not kept, or a "
            f"person, has written there since. Run {maker.stage} again, then this stage."
        )


def _others(own: Path) -> Iterator[_Run]:
    """The accepted runs of the day and DAG, but for the stage's own."""
    for name in sorted(files.listed(own.parent)):
        if name.endswith(".ipynb") and name != own.name:
            yield _Run.of(own.parent / name)


def _last_to_write(runs: list[_Run], name: str) -> _Run | None:
    return max((run for run in runs if run.output_with(name)), key=lambda run: run.ended, default=None)


def _is_other(written: Mapping[str, Any], name: str, sha256: str, settings: Settings) -> bool:
    names, digests = written.get("files"), written.get("digests") or {}
    inside = name.removeprefix(f"{written['path']}/")
    if written["path"] == name and not names:
        return bool(written["sha256"] != sha256)
    if inside in digests:
        return bool(digests[inside] != sha256)
    try:
        return bool(files.digest(absolute_path(written["path"], settings), names) != written["sha256"])
    except OSError:  # a file of the folder is gone
        return True
