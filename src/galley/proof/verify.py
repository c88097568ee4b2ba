"""Verify: whether a day's files still are what its accepted runs, and the signed statements about it, say of them."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from galley.days import Day
from galley.errors import MissingInput
from galley.notebooks.metadata import mapping, read_metadata
from galley.notebooks.names import order, stage_of
from galley.proof.accepted import LARGEST, digest_is_kept, faults
from galley.proof.chain import Chain
from galley.proof.check import Finding, Kind, changes_of_days, read
from galley.proof.keys import TrustedKeys
from galley.run import published
from galley.run.attempts import COMPLETED
from galley.settings import Settings, absolute_path, relative_name
from galley.storage import bucket, files

METRICS = "metrics.json"

_LARGEST_METRICS = 10_000_000
"""Bytes of metrics.json."""
_ATTEMPT = re.compile(r"(?P<stem>.+)\.try\d+\.ipynb")
_SUFFIXES = (".ipynb", ".html", published.SUFFIX)


@dataclass(frozen=True)
class _Reports:
    """What a DAG left on a day: its folder, the files in it by the stages' notebooks, and what metrics.json says."""

    folder: Path
    files: dict[str, list[str]]
    numbers: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> "_Reports":
        found: dict[str, list[str]] = {}
        for name in sorted(files.listed(folder)):
            path = Path(name)
            if path.suffix in _SUFFIXES and not name.startswith("."):
                found.setdefault(path.stem, []).append(name)
        for match in filter(None, map(_ATTEMPT.fullmatch, sorted(files.listed(folder / "attempts")))):
            kept = found.get(match["stem"], [])
            if f"{match['stem']}.ipynb" not in kept and _completed(folder / "attempts" / match[0]):
                found[match["stem"]] = [*kept, f"attempts/{match[0]}"]
        return cls(folder, found, _numbers(folder / METRICS))

    @property
    def accepted(self) -> list[Path]:
        """The accepted notebooks."""
        return [self.folder / f"{stem}.ipynb" for stem, names in self.files.items() if f"{stem}.ipynb" in names]


def verify(day: Day) -> list[Finding]:
    """All that is no longer as the day's accepted runs left it; empty if all is.

    Raises MissingInput if the day has no accepted run.
    """
    reports = list(_all(day))
    if not any(each.files or each.numbers for each in reports):
        raise MissingInput(f"There is no accepted run in {day.settings.outputs / day.ds}. Name a day that was run.")
    return [finding for each in reports for finding in _findings(each, day.settings)]


def without_digest(day: Day) -> list[str]:
    """The pages whose runs kept no digest of them, by their names: these are only known to name their notebooks."""
    notebooks = [path for each in _all(day) for path in each.accepted if not digest_is_kept(path)]
    return [relative_name(path.with_suffix(".html"), day.settings) for path in notebooks]


def verify_statements(day: Day, chains: Iterable[Chain], keys: TrustedKeys) -> list[Finding]:
    """All that is no longer as the newest signed statement about the day says.

    A chain is not read if its model's training has left nothing on that day.
    """
    declared, found = day.settings.project.models, []
    for chain in chains:
        model = declared.get(chain.model)
        if model is None or files.listed(day.reports(model.train)):
            found += _of_chain(chain, day, keys)
    return found


def _of_chain(chain: Chain, day: Day, keys: TrustedKeys) -> list[Finding]:
    statements, found = read(chain, keys)
    return found + changes_of_days(statements, partial(absolute_path, settings=day.settings), day.ds)


def _all(day: Day) -> Iterator[_Reports]:
    folder = day.settings.outputs / day.ds
    names = bucket.folders(folder) if files.is_remote(folder) else [path.name for path in _folders(folder)]
    return (_Reports.read(folder / name) for name in sorted(names))


def _folders(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []


def _findings(reports: _Reports, settings: Settings) -> Iterator[Finding]:
    for notebook in reports.accepted:
        yield from faults(notebook, reports.numbers, settings)
    for stem, names in reports.files.items():
        if f"{stem}.ipynb" not in names:
            name = relative_name(reports.folder / f"{stem}.ipynb", settings)
            yield Finding(Kind.CHANGED, name, f"is not there, but this of its run is: {', '.join(names)}")
    metrics = relative_name(reports.folder / METRICS, settings)
    for stage in sorted(reports.numbers.keys() - set(map(stage_of, reports.files))):
        yield Finding(Kind.CHANGED, metrics, f"says what {stage!r} concluded, and there is no accepted run of it")
    yield from _left_out(reports, settings)


def _left_out(reports: _Reports, settings: Settings) -> Iterator[Finding]:
    """Stages of a training before its review that have left nothing, while the review and others have."""
    model = settings.project.model_of_dag(reports.folder.name)
    review = next((stem for stem in reports.files if model and stage_of(stem) == model.review), None)
    if model is None or review is None or model.train != reports.folder.name:
        return
    there = {order(stem)[0] for stem in reports.files}
    for source in sorted((settings.notebooks / model.train).glob("*.ipynb")):
        number = order(source.stem)[0]
        if number < order(review)[0] and number not in there:
            name = relative_name(reports.folder / source.name, settings)
            yield Finding(Kind.CHANGED, name, f"is not there, and {review} came after it")


def _completed(attempt: Path) -> bool:
    try:
        if not files.is_file_up_to(attempt, LARGEST):
            return False
        record = mapping(read_metadata(attempt).get("galley"))
    except (OSError, ValueError, RecursionError):
        return False
    return mapping(record.get("end")).get("state") == COMPLETED


def _numbers(metrics: Path) -> dict[str, Any]:
    """What metrics.json says of each stage; nothing, if it is not as runs write it."""
    try:
        return mapping(json.loads(files.read_regular(metrics, _LARGEST_METRICS)))
    except (OSError, ValueError, RecursionError):
        return {}
