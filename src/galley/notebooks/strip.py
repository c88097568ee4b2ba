"""Strip: a notebook as it is kept in git, without what running it left behind."""

from typing import Any

_LEFT_BY_RUNS = ("ExecuteTime", "collapsed", "execution", "papermill", "scrolled")


def strip(content: dict[str, Any]) -> None:
    """Take outputs, counts and times out of a notebook's content; its cells, ids and tags stay."""
    for kept in ("galley", "papermill", "widgets"):
        content["metadata"].pop(kept, None)
    for cell in content["cells"]:
        for name in _LEFT_BY_RUNS:
            cell["metadata"].pop(name, None)
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
