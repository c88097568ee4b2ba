"""Failure: what ended a cell, in the words of its kernel."""

from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_output

MESSAGE_LIMIT = 10_000
"""Characters of an error's message."""
_TRACEBACK_LIMIT = 1_000_000


def error_of(cell: NotebookNode, error: CellExecutionError) -> NotebookNode:
    """The error that ended a cell, as an output.

    The kernel's answer names it. Magics, groups of errors and handlers of one's own show it on stderr, and not so.
    """
    shown: list[NotebookNode] = [
        o for o in cell.outputs if o.output_type == "error" and o.ename == error.ename.partition(" (")[0]
    ]
    if shown:
        shown[-1].ename = error.ename
        return shown[-1]
    printed = "".join(output.text for output in cell.outputs if output.get("name") == "stderr")
    traceback = shortened(printed or error.traceback, _TRACEBACK_LIMIT).split("\n")
    output: NotebookNode = new_output(
        "error", ename=error.ename, evalue=error.evalue[:MESSAGE_LIMIT], traceback=traceback
    )
    return output


def is_good_end(error: NotebookNode) -> bool:
    """Whether the cell ended the notebook with sys.exit(0), which papermill takes for a good end as well."""
    return error.ename == "SystemExit" and error.evalue in ("", "0", "None")


def shortened(text: str, limit: int) -> str:
    """A text of which the middle is left out where it is too long: of a traceback both ends matter."""
    over = len(text) - limit
    if over <= 0:
        return text
    return f"{text[: limit // 2]}\n[galley left out {over:,} characters]\n{text[-limit // 2 :]}"
