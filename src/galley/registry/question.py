"""Question: what a person is asked to decide about, and the signed statement that an answer to it becomes.

It is taken from the files of the day when it is asked, and once more when it is answered: an answer counts for what was
shown. The version is the one that the review concluded about, in the DAG that asks.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from galley.days import Day
from galley.errors import DecisionError
from galley.markdown import escaped
from galley.proof.chain import Signed
from galley.proof.check import approvers
from galley.proof.decision import APPROVE, REFUSED_ROLLBACK, ROLLBACK, deadline_in_words, outcome, stamp_in_words
from galley.proof.keys import SigningKey, TrustedKeys
from galley.proof.statements import Decided, Digest, File, Override, Stamp, Task, canonical_json
from galley.registry.approval import approved, chain_of
from galley.registry.evidence import Reviewed, declared_files, reports_to_review, require_review
from galley.registry.folder import model_files
from galley.settings import Settings, relative_name


@dataclass(frozen=True)
class Answer:
    """What a person answered to a form, in which task; times are stamps."""

    option: str
    person: str
    reason: str
    asked_at: Stamp
    answered_at: Stamp
    task: Task
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True)
class Question:
    """A version, the champion that it was compared with, and the files that the decision rests on, as they are now.

    `ds` is the day of the version. With `is_rollback` a former version is to come back: its files are those of the
    statement that approved it.
    """

    settings: Settings
    ds: str
    review: Reviewed
    subject: tuple[File, ...]
    reports: tuple[File, ...]
    evidence: tuple[File, ...]
    sources: tuple[File, ...]
    is_rollback: bool

    @classmethod
    def of(cls, day: Day, dag_id: str) -> "Question":
        """What the day's review in a DAG asks. Any DAG but the one that trains the model asks to roll back.

        Raises DecisionError where there is no review, or for a rollback no approval of the version; MissingInput where
        the model is gone.
        """
        settings, review = day.settings, require_review(day, dag_id)
        reports = reports_to_review(day, dag_id)
        is_rollback = dag_id != settings.model.train
        if is_rollback:
            former = approved(review.version, settings, TrustedKeys.read(settings.keys)).statement
            ds, subject = former.decided.ds, former.subject
        else:
            ds, subject = day.ds, _files((day.models / name for name in model_files(day.models)), settings)
        return cls(
            settings=settings,
            ds=ds,
            review=review,
            subject=subject,
            reports=_files(reports, settings),
            evidence=() if is_rollback else _files(declared_files(day), settings),
            sources=_files(_sources(reports, settings.notebooks / dag_id), settings),
            is_rollback=is_rollback,
        )

    @property
    def page(self) -> File:
        """The page of the review."""
        return next(file for file in reversed(self.reports) if file.name.endswith(".html"))

    def text(self, until: Stamp | None = None) -> str:
        """What is decided, in markdown: the page and its digest, the versions, and what the review says in short.

        It says until when, if that is given.
        """
        page = "/".join(Path(self.page.name).parts[1:])
        parts = (
            f"[The whole review](/galley/reports/{page}) is about version {self.review.version}. {self.in_production}",
            deadline_in_words(until) if until else "",
            self.review.conclusion.get("summary", ""),
            f"SHA-256 of the whole review: `{self.page.digest.sha256}`",
            "[How to review](/galley/how-to-review)",
        )
        return "\n\n".join(part for part in parts if part)

    @property
    def in_production(self) -> str:
        """Which version is in production, by whose decision and since when, in a sentence."""
        champion = self.review.champion
        if not champion:
            return "Nothing is in production."
        try:
            decided = approved(champion, self.settings, TrustedKeys.read(self.settings.keys)).statement.decided
        except DecisionError:
            return f"Version {champion} is in production, not by a recorded decision."
        person, time = escaped(decided.person), stamp_in_words(decided.answered_at)
        return f"Version {champion} is in production by {person}'s decision of {time}."

    @property
    def failed_checks(self) -> list[str]:
        """The checks that the policy requires and the review did not pass. A rollback is reviewed without checks."""
        made = self.review.conclusion.get("checks")
        passed: Mapping[str, Any] = made if isinstance(made, dict) else {}
        required = () if self.is_rollback else self.settings.model.policy.required
        return [name for name in required if passed.get(name) is not True]

    @property
    def overtaken(self) -> str:
        """Why an approval could not count: a newer day's model went into production. Blank if it could."""
        statements = chain_of(self.settings).read(TrustedKeys.read(self.settings.keys))
        every = (signed.statement.decided for signed in statements)
        moves = [decided for decided in every if decided.decision in (APPROVE, ROLLBACK)]
        if self.is_rollback or not moves or moves[-1].ds <= self.ds:
            return ""
        newer = moves[-1]
        return (
            f"Version {self.review.version} of {self.ds} is older than version {newer.version} of {newer.ds}, which is "
            f"in production by the decision of {newer.person}: an approval could not count."
        )

    @property
    def approvers(self) -> tuple[str, ...]:
        """Who has approved this very question already, where more than one person has to."""
        statements = chain_of(self.settings).read(TrustedKeys.read(self.settings.keys))
        about = [signed for signed in statements if signed.statement.decided.version == self.review.version]
        if not about or about[-1].statement.files != (*self.subject, *self.reports, *self.evidence):
            return ()
        return approvers(statements, self.review.version)

    def parts(self, form: str) -> dict[str, str]:
        """What an answer has to be about, by name, as digests or in words: to be compared when it comes."""
        return {
            "the version": self.review.version,
            "the version in production": self.review.champion or "",
            "the model": _digest(self.subject),
            "the reports": _digest(self.reports),
            "the evidence": _digest(self.evidence),
            "the text of the form": Digest.of(form.encode()).sha256,
            "who may answer": " ".join(self.settings.who_reviews),
            self.settings.project_file.name: self.settings.project.digest,
        }

    def state(self, answer: Answer, form: str, key: SigningKey) -> Signed:
        """Sign a statement of the answer as the newest about the model; once, if it is stated again.

        Raises DecisionError for what cannot count, SignatureError where the key or the statements are not trusted.
        """
        settings, policy = self.settings, self.settings.model.policy
        decision = outcome(answer.option, answer.person, answer.reason)
        if self.is_rollback:
            decision = ROLLBACK if decision == APPROVE else REFUSED_ROLLBACK
        decided = Decided.of(
            model=settings.model.name,
            version=self.review.version,
            ds=self.ds,
            decision=decision,
            person=answer.person,
            reason=answer.reason,
            asked_at=answer.asked_at,
            answered_at=answer.answered_at,
            task=answer.task,
            form=Digest.of(form.encode()),
            reports=self.reports,
            evidence=self.evidence,
            sources=self.sources,
            champion=self.review.champion,
            assignees=settings.who_reviews,
            policy={**policy.model_dump(mode="json"), "reviewers": list(settings.who_reviews)},
            project=Digest(sha256=settings.project.digest) if settings.project.digest else None,
            overrides=answer.overrides,
        )
        return chain_of(settings).append(self.subject, decided, key, TrustedKeys.read(settings.keys))


def _files(paths: Iterable[Path], settings: Settings) -> tuple[File, ...]:
    return tuple(File.of(relative_name(path, settings), path) for path in paths)


def _sources(reports: Sequence[Path], notebooks: Path) -> list[Path]:
    """The notebooks that were run, as they are now."""
    found = (notebooks / report.name for report in reports if report.suffix == ".ipynb")
    return [path for path in found if path.is_file()]


def _digest(stated: Sequence[File]) -> str:
    return Digest.of(canonical_json([file.model_dump(mode="json") for file in stated])).sha256
