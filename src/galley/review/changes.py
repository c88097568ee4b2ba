"""Changes: what is not as it was when a review was last accepted. Notebooks, parameters, libraries, numbers."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from galley.days import Day
from galley.markdown import escaped, shortened
from galley.notebooks.names import order, stage_of
from galley.proof.decision import APPROVE, Decision, recorded
from galley.registry.evidence import is_review, reports_before
from galley.registry.versions import Registered
from galley.reports import differences
from galley.reports.differences import Row
from galley.run.attempts import Attempts
from galley.storage import files

NONE = "(none)"
EVERYWHERE = "every stage"
FOLDED_FROM = 40
"""Lines of a diff from which on it is folded."""
_SHOWN = 200
"""Lines of a diff that are shown; the notebooks have the rest."""
_NAMED = 4


@dataclass(frozen=True)
class Change:
    """A value that is not what it was, as text, and the stages that it was changed in."""

    stage: str
    name: str
    then: str
    now: str


@dataclass(frozen=True)
class Changes:
    """What changed since the review that `accepted` decided; None if none ever was.

    `diffs` are unified diffs of code by stage. `gone` are stages of which the notebook that was accepted is not there
    any more, so that nothing can be said of them.
    """

    accepted: Decision | None
    diffs: Mapping[str, list[str]] = field(default_factory=dict)
    parameters: list[Change] = field(default_factory=list)
    environment: list[Change] = field(default_factory=list)
    numbers: list[Change] = field(default_factory=list)
    gone: tuple[str, ...] = ()

    @property
    def in_a_line(self) -> str:
        """What changed beside the data, by name."""
        if self.accepted is None:
            return "No review was accepted before this one, so there is nothing that could have changed."
        parts = {
            "code of": list(self.diffs),
            "parameters": [f"{change.name} of {change.stage}" for change in self.parameters],
            "environment": [change.name for change in self.environment],
        }
        said = "; ".join(f"{what} {_named(names)}" for what, names in parts.items() if names)
        gone = f" Nothing is said of {', '.join(self.gone)}: the report that was accepted is gone." * bool(self.gone)
        return (
            f"Changed since version {self.accepted.version}, accepted by {escaped(self.accepted.reviewer)} for "
            f"{self.accepted.ds}: {said or 'nothing but the data'}.{gone}"
        )


def since_last_accepted(registered: Registered, day: Day, version: str) -> Changes:
    """What changed up to this day's review of a version, from the last other version that was approved."""
    accepted = last_accepted(registered, version)
    if accepted is None:
        return Changes(None)
    return compare(accepted, accepted_notebooks(accepted, day), present_notebooks(day), day.settings.model.review)


def last_accepted(registered: Registered, version: str) -> Decision | None:
    """The last approval there was of another version than this one."""
    decisions = [recorded(one.tags) for one in registered.approved() if one.version != version]
    approvals = [decision for decision in decisions if decision is not None and decision.decision == APPROVE]
    return max(approvals, key=lambda decision: decision.decided_at, default=None)


def accepted_notebooks(accepted: Decision, day: Day) -> dict[str, NotebookNode | None]:
    """The notebooks that a decision rests on, by stage and by their digests: the day may have been run again since."""
    folder = Day.of(accepted.ds, day.settings).reports(day.settings.model.train)
    names = [(Path(name).stem, digest) for name, digest in accepted.digests.items() if name.endswith(".ipynb")]
    return {stage: _with_digest(Attempts(folder, stage), digest) for stage, digest in sorted(names)}


def present_notebooks(day: Day) -> dict[str, NotebookNode]:
    """The notebooks of the day's stages up to its review, which is still running; as they are, where run manually."""
    train = day.settings.model.train
    sources = {path.stem: path for path in (day.settings.notebooks / train).glob("*.ipynb")}
    review = next((stem for stem in sources if is_review(day, stem)), None)
    if review is None:
        return {}
    kept = Attempts(day.reports(train), review)
    running = {review: kept.path(kept.numbers()[-1])} if kept.is_running() else {}
    executed = {path.stem: path for path in reports_before(day, review) if path.suffix == ".ipynb"}
    found = {stem: path for stem, path in sources.items() if order(stem) <= order(review)} | executed | running
    return {stem: _read(found[stem]) for stem in sorted(found, key=order)}


def compare(
    accepted: Decision, then: Mapping[str, NotebookNode | None], now: Mapping[str, NotebookNode], review: str
) -> Changes:
    """What differs between two sets of notebooks. Of a stage that came or went, all code is new or gone.

    `review` is the name of the stage whose own numbers are not compared.
    """
    gone = tuple(stage for stage, node in then.items() if node is None) or (() if then else tuple(now))
    empty = nbformat.v4.new_notebook()
    diffs = {
        stage: differences.sources(then.get(stage) or empty, now.get(stage, empty))
        for stage in sorted({*then, *now} - set(gone))
    }
    ran = {stage: node for stage, node in now.items() if "galley" in node.metadata}
    both = {stage: (node, ran[stage]) for stage, node in then.items() if node is not None and stage in ran}
    return Changes(
        accepted,
        {stage: lines for stage, lines in diffs.items() if lines},
        _changes((stage, differences.changed(differences.parameters(*pair), *pair)) for stage, pair in both.items()),
        _together((stage, differences.changed(differences.environments(*pair), *pair)) for stage, pair in both.items()),
        _changes((stage, _numbers(*pair)) for stage, pair in both.items() if stage_of(stage) != review),
        gone,
    )


def as_table(changes: Sequence[Change]) -> str:
    """Changes as a table in markdown; nothing without any."""
    if not changes:
        return ""
    rows = [f"| {one.stage} | {escaped(one.name)} | {_in_cell(one.then)} | {_in_cell(one.now)} |" for one in changes]
    return "\n".join(["| stage | | then | now |", "|---|---|---|---|", *rows])


def _in_cell(text: str) -> str:
    return escaped(shortened(text, 300)) or NONE


def as_diffs(diffs: Mapping[str, list[str]]) -> str:
    """Diffs in markdown: the short ones open, the long ones folded."""
    return "\n\n".join(_shown(stage, lines) for stage, lines in diffs.items())


def _shown(stage: str, lines: list[str]) -> str:
    added, removed = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    title = f"{stage}: +{added} -{removed} lines"
    rest = [f"... and {len(lines) - _SHOWN} lines more"] if len(lines) > _SHOWN else []
    text = "\n".join(lines[:_SHOWN] + rest)
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 3)
    block = f"{fence}diff\n{text}\n{fence}"
    if len(lines) < FOLDED_FROM:
        return f"**{title}**\n\n{block}"
    return f"<details><summary>{title}</summary>\n\n{block}\n\n</details>"


def _numbers(then: NotebookNode, now: NotebookNode) -> list[Row]:
    return differences.changed(differences.conclusions(then, now), then, now)


def _changes(found: Iterable[tuple[str, list[Row]]]) -> list[Change]:
    return [Change(stage, row.name, row.left, row.right) for stage, rows in found for row in rows]


def _together(found: Iterable[tuple[str, list[Row]]]) -> list[Change]:
    """The same, where what changed alike in several stages is one change."""
    stages: dict[Row, list[str]] = {}
    compared = 0
    for stage, rows in found:
        compared += 1
        for row in rows:
            stages.setdefault(row, []).append(stage)
    where = {row: EVERYWHERE if len(names) == compared > 1 else ", ".join(names) for row, names in stages.items()}
    return [Change(where[row], row.name, row.left, row.right) for row in stages]


def _with_digest(kept: Attempts, digest: str) -> NotebookNode | None:
    found = (path for path in _kept(kept) if path.is_file() and files.digest(path) == digest)
    return next(map(_read, found), None)


def _kept(kept: Attempts) -> Iterator[Path]:
    """The accepted run and all others, the newest first."""
    yield kept.accepted
    yield from map(kept.path, reversed(kept.numbers()))


def _read(path: Path) -> NotebookNode:
    return files.read_notebook(path)


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" * (len(names) > _NAMED)
    return ", ".join(names[:_NAMED]) + more
