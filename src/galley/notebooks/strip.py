"""Strip: a notebook as it is kept in git, without what running it left behind."""

from typing import Any

_LEFT_BY_RUNS = ("ExecuteTime", "collapsed", "execution", "papermill", "scrolled")


def strip(content: dict[str, Any]) -> None:
    """Take outputs, counts and times out of a notebook's content; its cells, ids and tags stay."""
    metadata = content["metadata"]
    for kept in ("galley", "papermill", "widgets"):
        metadata.pop(kept, None)
    # The kernel that ran it adds its version and how to colour its language.
    if "language_info" in metadata:
        metadata["language_info"] = {"name": metadata["language_info"]["name"]}
    for cell in content["cells"]:
        for name in _LEFT_BY_RUNS:
            cell["metadata"].pop(name, None)
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None


def before_save(model: dict[str, Any], **_: Any) -> None:
    """Strip what JupyterLab is about to save, if it is a notebook: its hook `FileContentsManager.pre_save_hook`."""
    if model["type"] == "notebook":
        strip(model["content"])
