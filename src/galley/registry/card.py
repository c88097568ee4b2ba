"""The model card: what a version is, what it learned from, how good it is, who decided. Its description in MLflow.

The domain says what the model is for; the numbers are those that the stages concluded. The last section says when the
version was in production, and is written anew when that changes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galley.days import Day
from galley.markdown import escaped, shortened
from galley.notebooks.names import stage_of
from galley.proof.decision import MODEL, Decision, stamp_in_words
from galley.registry import links
from galley.registry.evidence import reports_to_review, reviewed
from galley.registry.format import format_of
from galley.registry.journal import Entry
from galley.registry.models import registry_errors
from galley.registry.versions import LEARNED_FROM, Registered, training_run
from galley.run.checkout import described
from galley.settings import Settings, relative_name
from galley.storage import files

if TYPE_CHECKING:
    from mlflow import MlflowClient

LIMIT = 5000
"""Characters that MLflow's database holds of a description."""
_PRODUCTION = "\n\n## In production\n\n"
_BODY = 4000
"""Characters for all but the last section."""
_PERIODS = 3
_REASON = 600
_DAYS = 8
_NAMES = 40
"""Features, days or slices that are named one by one."""


@dataclass(frozen=True)
class Purpose:
    """What the domain says of its model: what it is, what it is for, its limits (one paragraph each), its features."""

    what: str
    intended_use: str
    limits: str
    features: Sequence[str]


@dataclass(frozen=True)
class Origin:
    """Where a model comes from, by MLflow and by the record of its training; empty where neither says.

    `notice` says that loading it may run code that came with it; blank if it runs none.
    """

    experiment: str
    run: str
    requirements: Sequence[str] = ()
    learned_from: Mapping[str, str] = field(default_factory=dict)
    commit: str = ""
    python: str = ""
    notice: str = ""


def origin(client: "MlflowClient", day: Day) -> Origin:
    """Where the day's model comes from."""
    with registry_errors(day.settings):
        run = client.get_run(training_run(day.models))
    stated = day.models / "requirements.txt"
    requirements = stated.read_text().split() if stated.is_file() else []
    tags = {key: value for key, value in run.data.tags.items() if key.startswith(LEARNED_FROM)}
    learned_from = {key.removeprefix(LEARNED_FROM): value for key, value in sorted(tags.items())}
    notice = format_of(files.local(day.models)).notice
    record = _training_record(day)
    return Origin(run.info.experiment_id, run.info.run_id, requirements, learned_from, notice=notice, **record)


def _training_record(day: Day) -> dict[str, str]:
    """What the stage that wrote the model states of its run; empty if no accepted one says that it did."""
    name = relative_name(day.models, day.settings)
    for path in reports_to_review(day):
        record = files.read_notebook(path).metadata.get("galley", {}) if path.suffix == ".ipynb" else {}
        if any(fact["path"] == name for fact in record.get("outputs", [])):
            return {
                "commit": described(record.get("source", {})),
                "python": record.get("kernel", {}).get("python") or "",
            }
    return {}


def compose(
    day: Day, decision: Decision, purpose: Purpose, origin: Origin, training: Sequence[str] = (), base: str = ""
) -> str:
    """All but the last section, in markdown.

    `training` are lines about the data that it learned from. `base` is MLflow's address; links within MLflow need none.
    """
    found = reviewed(day)
    review = found.conclusion if found and found.version == decision.version else {}
    sections = {
        "Intended use": _paragraph(purpose.intended_use),
        "Training data": _training_data(training, decision, origin),
        "How good it is": _quality(review),
        "Limits": "\n\n".join(part for part in (_paragraph(purpose.limits), _worse(review)) if part),
        "Features": _listed([f"`{name}`" for name in purpose.features]),
        "Origin": _origin(origin, decision, day.settings.model.review),
        "Reports": _reports(day, origin, base),
    }
    head = f"{_paragraph(purpose.what)}\n\n{_decided(decision)}"
    body = "\n\n".join(f"## {title}\n\n{text}" for title, text in sections.items() if text)
    return _fitting(f"{head}\n\n{body}", _BODY)


def publish(client: "MlflowClient", registered: Registered, version: str, text: str, settings: Settings) -> None:
    """Make the text, with when the version was in production, its description."""
    with registry_errors(settings):
        client.update_model_version(registered.name, version, text + _PRODUCTION + in_production(registered, version))


def restate(client: "MlflowClient", registered: Registered, settings: Settings) -> None:
    """Bring the last section up to date, of the model itself and of the versions that the last two moves were about."""
    moved = dict.fromkeys(entry.version for entry in registered.journal[-2:] if registered.get(entry.version))
    for version in moved:
        with registry_errors(settings):
            text = client.get_model_version(registered.name, version).description or ""
        body, section, _ = text.partition(_PRODUCTION)
        if section:
            publish(client, registered, version, body, settings)
    _describe(client, registered, settings)


def _describe(client: "MlflowClient", registered: Registered, settings: Settings) -> None:
    """Say in the description of the registered model what is in production, below what somebody wrote there."""
    with registry_errors(settings):
        text = client.get_registered_model(registered.name).description or ""
    body, last = text.partition(_PRODUCTION)[0], registered.journal[-1:]
    if len(body) > _BODY:
        return
    now = [f"Version {entry.version} {_period(entry, None).removeprefix('- ')}" for entry in last if entry.version]
    said = f"{', '.join(now) or 'Nothing'}. Each version has a card; Reports in Airflow has all decisions."
    with registry_errors(settings):
        client.update_registered_model(registered.name, f"{body}{_PRODUCTION}{said}")


def in_production(registered: Registered, version: str) -> str:
    """When a version was in production, by whose decision, and what ended it."""
    moves: list[Entry | None] = [*registered.journal, None]
    lines = [
        _period(entry, following)
        for entry, following in pairwise(moves)
        if entry is not None and entry.version == version
    ]
    left_out = [f"- {len(lines) - _PERIODS} times before"] if len(lines) > _PERIODS else []
    return "\n".join([*left_out, *lines[-_PERIODS:]]) or "It has not been in production."


def _period(entry: Entry, following: Entry | None) -> str:
    began = f"{entry.decision} by {escaped(shortened(entry.by, 30))}"
    if following is None:
        return f"- since {stamp_in_words(entry.since)}: {began}"
    ended = (
        f"{following.decision} by {escaped(shortened(following.by, 30))} ({escaped(shortened(following.reason, 40))})"
    )
    return f"- {stamp_in_words(entry.since)} to {stamp_in_words(following.since)}: {began}; ended: {ended}"


def _decided(decision: Decision) -> str:
    reason = escaped(shortened(decision.reason, _REASON))
    person = escaped(shortened(decision.reviewer, 80))
    return f"**{decision.decision}** by {person}, {stamp_in_words(decision.decided_at)}:\n\n> {reason or '(no reason)'}"


def _training_data(training: Sequence[str], decision: Decision, origin: Origin) -> str:
    files = {f"{name}, SHA-256": digest for name, digest in origin.learned_from.items()}
    judged = {f"{name}, SHA-256": digest for name, digest in decision.digests.items() if "/" in name}
    return _bullets([*training, *(f"{what}: `{digest}`" for what, digest in {**files, **judged}.items())])


def span(days: Sequence[str]) -> str:
    """Days in words: each of a few, the first and the last of many."""
    return _listed(days) if len(days) < _DAYS else f"{days[0]} to {days[-1]}, {len(days)} of them"


def _quality(review: Mapping[str, Any]) -> str:
    if not review:
        return "No review of this version was recorded."
    return "\n\n".join(part for part in (_compared(review), _checked(review)) if part)


def _compared(review: Mapping[str, Any]) -> str:
    champion = review.get("champion_version")
    compared = f"champion, version {champion}" if champion else "baseline"
    rows = [
        f"| {escaped(found.get('label', metric))} | {found['new']:.4f} | {found['old']:.4f} | {found['difference']} |"
        for metric, found in (review.get("differences") or {}).items()
    ]
    head = f"| on {review.get('rows', 0):,} rows | this version | {compared} | difference |"
    return "\n".join([head, "|---|---|---|---|", *rows]) if rows else ""


def _checked(review: Mapping[str, Any]) -> str:
    if "verdict" not in review:
        return ""
    failed = [name for name, passed in review.get("checks", {}).items() if not passed]
    return f"Checks: {review['verdict']}" + (f"; not passed: {_listed(failed)}." if failed else "; all passed.")


def _worse(review: Mapping[str, Any]) -> str:
    worse = review.get("worse_slices")
    if worse is None:
        return ""
    return (
        f"Worse than what it was compared with on: {_listed(worse)}."
        if worse
        else "No slice got worse by more than noise."
    )


def _origin(origin: Origin, decision: Decision, review: str) -> str:
    names = {Path(name).suffix: name for name in decision.digests if stage_of(Path(name).stem) == review}
    digests = {"Model": MODEL, "Review": names.get(".ipynb", ""), "Its page": names.get(".html", "")}
    libraries = ", ".join([*([f"Python {origin.python}"] if origin.python else []), *origin.requirements])
    return _bullets(
        [
            *(
                f"{what}, SHA-256: `{decision.digests[name]}`"
                for what, name in digests.items()
                if name in decision.digests
            ),
            f"Run: `{origin.run}`",
            f"Commit: `{origin.commit}`" if origin.commit else "",
            f"Libraries: {shortened(libraries, 400)}" if libraries else "",
            f"Format: **{escaped(origin.notice)}**" if origin.notice else "",
        ]
    )


def _reports(day: Day, origin: Origin, base: str) -> str:
    pages = [report.name for report in reports_to_review(day) if report.suffix == ".html"]
    return ", ".join(
        f"[{name.removesuffix('.html')}]({base}{links.report_page(origin.experiment, origin.run, name)})"
        for name in pages
    )


def _paragraph(text: str) -> str:
    """The text without the line breaks of its source: MLflow shows each of them."""
    return " ".join(text.split())


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines if line)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    return ", ".join(names[:_NAMES]) + more


def _fitting(text: str, length: int) -> str:
    """The text, or the lines of it that fit, with a note that there is more."""
    note = "\n\n(Cut here: MLflow holds no more. The record page has the rest.)"
    if len(text) <= length:
        return text
    return text[: length - len(note)].rpartition("\n")[0].rstrip() + note
