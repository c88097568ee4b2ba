"""Breach: one way in which a file does not keep to its contract; all of them are one table and one error."""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from galley.errors import ContractBreach


class Breach(NamedTuple):
    """One way in which a file does not keep to the contract."""

    column: str
    problem: str
    rows: int
    action: str


def rewrite(name: str) -> str:
    """The next action where what wrote a file is at fault."""
    return f"Fix what wrote {name}, then run that again for the day."


def file_name(path: Path) -> str:
    """What a breach calls a file: its day and name, and the folder of that."""
    return "/".join(path.parts[-3:])


def raise_breaches(breaches: list[Breach], name: str) -> None:
    """Show what is wrong, if anything is, as a table for the notebook, and raise it as one error for the log."""
    if not breaches:
        return
    _show(breaches)
    facts = [": ".join(filter(None, (name, breach.column, breach.problem))) for breach in breaches]
    raise ContractBreach("\n".join([*facts, *dict.fromkeys(breach.action for breach in breaches)]))


def _show(breaches: list[Breach]) -> None:
    # Imported here: only a kernel has IPython's display, and tests and scripts have no use for it.
    from IPython.display import display

    with pd.option_context("display.max_colwidth", None):
        display(pd.DataFrame(breaches))
