"""Messages: what a task and the container of its stage say to each other, a line of JSON each.

to its stdin     what is asked for; later, if the wait for it ends early, why. The end of stdin is the task's own
on its stdout    the answer: what the stage concluded, or the error that ended it
on its stderr    the log
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from galley import errors
from galley.run.execute import Outcome, StageRun
from galley.storage.files import path_of


@dataclass(frozen=True)
class Request:
    """What is asked for, and the environment variables that hold for it: `docker inspect` shows neither."""

    asked: StageRun
    environment: Mapping[str, str]

    def line(self) -> bytes:
        """It as a line."""
        asked = {
            **vars(self.asked),
            "notebook": str(self.asked.notebook),
            "reports": str(self.asked.reports),
            "parameters": {name: _spoken(value) for name, value in self.asked.parameters.items()},
        }
        return _line({"asked": asked, "environment": dict(self.environment)})

    @classmethod
    def of(cls, line: bytes) -> "Request":
        """What a line asks for."""
        said = json.loads(line)
        asked = said["asked"]
        heard = {
            "notebook": Path(asked["notebook"]),
            "reports": path_of(asked["reports"]),
            "parameters": {name: _heard(value) for name, value in asked["parameters"].items()},
        }
        return cls(StageRun(**{**asked, **heard}), said["environment"])


class Unspoken:
    """A parameter's value that no JSON can hold, which is refused and recorded where the stage is run."""

    def __init__(self, shown: str) -> None:
        self._shown = shown

    def __repr__(self) -> str:
        return self._shown


def _spoken(value: Any) -> dict[str, Any]:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return {"shown": repr(value)}
    return {"value": value}


def _heard(value: dict[str, Any]) -> Any:
    return value["value"] if "value" in value else Unspoken(value["shown"])


def ending(error: BaseException) -> bytes:
    """What a task says when its wait ends early: why, by the error's name."""
    return _line({"error": type(error).__name__, "message": str(error)})


def completed(outcome: Outcome, page: Path | None) -> bytes:
    """The answer of a stage that completed; `page` is its attempt's."""
    accepted = {"notebook": str(outcome.notebook), "accepted": str(outcome.page)}
    return _line({"conclusion": outcome.conclusion, "attempt": outcome.attempt, **accepted, "page": page and str(page)})


def failed(error: BaseException, page: Path | None) -> bytes:
    """The answer of a stage that did not."""
    return _line({"error": errors.name_of(error), "message": str(error), "page": page and str(page)})


def outcome_of(answer: Mapping[str, Any]) -> Outcome:
    """The outcome that an answer tells, or the error that it tells, raised as the class that it was."""
    if "error" not in answer:
        return Outcome(
            answer["conclusion"], path_of(answer["notebook"]), path_of(answer["accepted"]), answer["attempt"]
        )
    kind = errors.named(answer["error"])
    if kind is None:
        raise RuntimeError(f"{answer['error']}: {answer['message']}")
    raise kind(answer["message"])


class LogLine(logging.Formatter):
    """A record of the log as a line, so that it is one record, of its own level, in the task's log too."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return json.dumps({"level": record.levelno, "message": super().format(record)})


def log_record(line: str) -> tuple[int, str]:
    """The level and the text of a line of the log; of one that something else printed, the line itself."""
    try:
        said = json.loads(line)
        return int(said["level"]), str(said["message"])
    except (ValueError, KeyError, TypeError):
        return logging.INFO, line


def _line(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said).encode() + b"\n"
