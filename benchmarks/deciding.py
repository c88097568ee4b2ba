"""Deciding: answers to reviews that nobody gave, signed with a key of the benchmark's own."""

from datetime import UTC, datetime
from typing import Any

from galley.days import Day
from galley.proof.chain import Chain
from galley.proof.decision import APPROVE, stamp
from galley.proof.keys import SigningKey, TrustedKeys, trust
from galley.proof.statements import Decided, Digest, File, Task
from galley.registry.folder import model_files
from galley.registry.question import Answer, Question
from galley.settings import Settings, relative_name

KEY = SigningKey.generate()
WHO = "benchmark"
TASK: Any = Task.model_validate({"dag": "train_weekly", "run": WHO, "task": "approval", "try": 1})


def answer(day: Day) -> None:
    """Approve the day's model, as if its review had been answered."""
    trust(KEY, day.settings.keys, WHO)
    now = stamp(datetime.now(UTC))
    Question.of(day, day.settings.model.train).state(Answer(APPROVE, WHO, "It is one.", now, now, TASK), "", KEY)


def approve(settings: Settings, versions: dict[str, Day], model: Day) -> dict[str, str]:
    """State an approval of each version, all of them of the one model of a day; returns the heads, to be kept."""
    trust(KEY, settings.keys, WHO)
    keys, now = TrustedKeys.read(settings.keys), stamp(datetime.now(UTC))
    files = (model.models / name for name in model_files(model.models))
    subject = [File.of(relative_name(path, settings), path) for path in files]
    said = {"decision": APPROVE, "person": WHO, "reason": "It is one.", "asked_at": now, "answered_at": now}
    common = {**said, "task": TASK, "form": Digest.of(b""), "reports": tuple(subject), "policy": {"approvals": 1}}
    chain = Chain.of(settings.outputs, settings.model.name)
    return {
        version: str(
            chain.append(subject, Decided.of(model=chain.model, version=version, ds=day.ds, **common), KEY, keys).head
        )
        for version, day in versions.items()
    }
