"""A report path: which report an address names, and the file of it, which lies in its DAG's own folder or is none."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Self

from galley.days import is_day
from galley.reports.index import is_name
from galley.run import published
from galley.storage.beneath import open_beneath
from galley.storage.files import is_remote, local, open_regular, parse_notebook

if TYPE_CHECKING:
    from nbformat import NotebookNode

_FILE = re.compile(r"(?P<stage>[\w+-][\w.+-]{0,160}?)\.(?P<kind>html|ipynb)", re.ASCII)
_ATTEMPT = re.compile(
    r"attempts/(?P<stage>[\w+-][\w.+-]{0,160}?)\.try(?P<number>\d{1,9})\.(?P<kind>html|ipynb)", re.ASCII
)


@dataclass(frozen=True)
class ReportPath:
    """A stage's report: an attempt of it, or the accepted run where `number` is None. Its address is its path."""

    ds: str
    dag_id: str
    stage: str
    number: int | None = None
    kind: str = "html"

    @classmethod
    def parse(cls, ds: str, dag_id: str, name: str) -> Self | None:
        """The report_path of <ds>/<dag_id>/<name>; None for a text that cannot be one."""
        match = _ATTEMPT.fullmatch(name) or _FILE.fullmatch(name)
        if match is None or not is_day(ds) or not is_name(dag_id):
            return None
        number = match.groupdict().get("number")
        return cls(ds, dag_id, match["stage"], None if number is None else int(number), match["kind"])

    def of_kind(self, kind: str) -> "ReportPath":
        """The same report as `html` or `ipynb`."""
        return replace(self, kind=kind)

    @property
    def name(self) -> str:
        """Its path from the DAG's folder on."""
        attempt = "" if self.number is None else f".try{self.number}"
        return f"{'attempts/' if attempt else ''}{self.stage}{attempt}.{self.kind}"

    @property
    def path(self) -> str:
        """Its path from the outputs on, which is its address too."""
        return f"{self.ds}/{self.dag_id}/{self.name}"

    def open(self, outputs: Path) -> BufferedReader | None:
        """The file, opened, if it is one in the DAG's own folder of that day and no link led to it; to be closed.

        What is opened is what is to be served: its path may lead elsewhere a moment later.
        """
        try:
            if is_remote(outputs):
                return open_regular(local(outputs / self.path))
            return open_beneath(outputs, self.path)
        except (OSError, ValueError):
            return None

    def exists(self, outputs: Path) -> bool:
        """Whether `open` finds it."""
        found = self.open(outputs)
        if found is not None:
            found.close()
        return found is not None

    def was_replaced(self, outputs: Path) -> bool:
        """Whether a file of an accepted run is not the one that its run published; False where the run did not say."""
        if self.number is not None:
            return False
        try:
            said = published.read(outputs / self.of_kind("ipynb").path)
        except (OSError, ValueError):
            return True
        return said is not None and any(self.of_kind(kind)._differs(outputs, said) for kind in ("ipynb", "html"))

    def _differs(self, outputs: Path, said: Mapping[str, str]) -> bool:
        found = self.open(outputs)
        if found is None:
            return False
        with found:
            return said.get(self.name) != hashlib.file_digest(found, "sha256").hexdigest()

    def notebook(self, outputs: Path) -> "NotebookNode | None":
        """The notebook of the report, None if there is none. Raises ValueError if the file is not a notebook."""
        found = self.of_kind("ipynb").open(outputs)
        if found is None:
            return None
        with found:
            return parse_notebook(found.read())
