"""A record: what an executed notebook says of its own run, read from the end of the file and not from all of it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from galley.notebooks.metadata import mapping, read_metadata

_LONGEST = 1e9
"""Seconds that a run can have taken; anything else is not a time."""


@dataclass(frozen=True, slots=True)
class Record:
    """How a run stands, for whom it ran and how long it took. What a file does not say is empty."""

    state: str
    message: str = ""
    cell: int | None = None
    dag_id: str = ""
    run_id: str = ""
    task_id: str = ""
    map_index: int = -1
    try_number: int | None = None
    started: str = ""
    seconds: float | None = None
    sha256: str = ""

    @classmethod
    def of(cls, metadata: dict[str, Any]) -> Self:
        """The record in a notebook's metadata; what is of another kind there than galley writes counts as unsaid."""
        record = mapping(metadata.get("galley"))
        end, run = mapping(record.get("end")), mapping(record.get("run"))
        seconds = record.get("seconds")
        return cls(
            state=text(end.get("state")) or "unknown",
            message=text(end.get("message")),
            cell=_number(end.get("cell")),
            dag_id=text(run.get("dag_id")),
            run_id=text(run.get("run_id")),
            task_id=text(run.get("task_id")),
            map_index=-1 if (index := _number(run.get("map_index"))) is None else index,
            try_number=_number(run.get("try_number")),
            started=text(record.get("started")),
            seconds=float(seconds) if isinstance(seconds, int | float) and 0 <= seconds < _LONGEST else None,
            sha256=text(record.get("record_sha256")),
        )

    @classmethod
    def read(cls, notebook: Path) -> Self:
        """The record of a notebook; one that says "unknown" for a file that is not a notebook or is gone."""
        try:
            return cls.of(read_metadata(notebook))
        except (OSError, ValueError, RecursionError, OverflowError):
            return cls("unknown")


def text(value: object) -> str:
    """The value if it is a text, as pages can show it."""
    # JSON can hold half of a pair of surrogates, which no page can be sent with.
    return value.encode(errors="replace").decode() if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
