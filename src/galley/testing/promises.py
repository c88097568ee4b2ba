"""The promises of docs/architecture.md, held against what the stages of a day have left."""

import re
from collections.abc import Iterator
from pathlib import Path

from galley.days import Day
from galley.proof.verify import verify
from galley.run import attempts
from galley.run.attempts import Attempts
from galley.settings import relative_name
from galley.storage import files

_ATTEMPT = re.compile(r"(?P<name>.+)\.try\d+\.ipynb")


def broken(day: Day) -> list[str]:
    """What holds at any moment, however many runs were killed, and does not hold: a line each, none if all is well.

    Attempts are numbered without a gap, and all but the last one say how they ended. An accepted run is whole, has
    completed, and is an attempt still. Call it when nothing runs.
    """
    return [f"{relative_name(a.folder, day.settings)}: {fault}" for a in _stages(day) for fault in _faults(a)]


def unsettled(day: Day) -> list[str]:
    """What the next run of each stage that was killed puts in order, beside what is broken.

    An attempt that says it runs, scratch files, and what `galley verify` finds.
    """
    running = [f"{a.name} says that it runs" for a in _stages(day) if _state(a, a.numbers()[-1]) == attempts.RUNNING]
    scratch = [f"{relative_name(path, day.settings)} is left" for path in _scratch(day)]
    return [*broken(day), *running, *scratch, *(str(found) for found in verify(day) if found.is_fault)]


def _stages(day: Day) -> list[Attempts]:
    found = []
    for folder in sorted((day.settings.outputs / day.ds).glob("*/attempts")):
        names = {match["name"] for match in map(_ATTEMPT.fullmatch, files.listed(folder)) if match}
        found += [Attempts(folder.parent, name) for name in sorted(names)]
    return found


def _faults(stage: Attempts) -> Iterator[str]:
    numbers = stage.numbers()
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"the attempts of {stage.name} are {numbers}"
    for number in numbers[:-1]:
        if _state(stage, number) in (None, attempts.RUNNING):
            yield f"attempt {number} of {stage.name} does not say how it ended"
    if stage.accepted.exists():
        yield from _faults_of_accepted(stage, numbers)


def _faults_of_accepted(stage: Attempts, numbers: list[int]) -> Iterator[str]:
    number = next((number for number in reversed(numbers) if stage.is_accepted(number)), None)
    if number is None:
        yield f"the accepted run of {stage.name} is no attempt"
    elif _state(stage, number) != attempts.COMPLETED:
        yield f"the accepted run of {stage.name} has not completed"


def _state(stage: Attempts, number: int) -> str | None:
    node = stage.read(number)
    return node.metadata.get("galley", {}).get("end", {}).get("state") if node else None


def _scratch(day: Day) -> Iterator[Path]:
    """What is named as parts of files and folders are that nobody finished writing."""
    data = day.settings.data
    for folder in (day.settings.outputs / day.ds, *data.glob(f"**/{day.ds}")):
        yield from (path for path in folder.rglob(".*") if path.is_file() and not path.name.endswith(".lock"))
    yield from data.glob(f"**/.part.{day.ds}.*")  # beside the folder that it was to be
