"""Repair: what is slightly invalid in a notebook and has one obvious repair gets it; the rest is refused.

nbformat takes an invalid notebook with a line in the log, runs it, and then cannot write what was run. So it is valid
before a kernel starts, or no kernel starts.
"""

import re
import warnings
from collections.abc import Iterator
from itertools import chain, count
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.validator import get_validator, iter_validate

MARKERS = {
    "papermill-error-cell-tag": "papermill's banner about an error",
    "injected-parameters": "the parameters",
}
"""Tags of cells that a run adds to the notebook that it leaves."""
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def repair(node: NotebookNode) -> list[str]:
    """Repair a notebook of format 4 in place; returns each fault with what was done about it, in words.

    Raises nbformat.ValidationError for a fault that has no obvious repair.
    """
    found = [
        *_kernel(node.metadata),
        *(fault for number, cell in enumerate(node.cells, 1) for fault in _tags(number, cell)),
        *_ids(node),
    ]
    if not _is_valid(node):
        found += [f"the notebook's {fault}" for fault in _invalid_metadata(node)]
        found += [f"cell {number}: {fault}" for number, cell in enumerate(node.cells, 1) for fault in _cell(cell)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        nbformat.validate(node)
    return [*found, *_former_run(node)]


def _kernel(metadata: NotebookNode) -> Iterator[str]:
    if "kernelspec" in metadata:
        spec = metadata.kernelspec
        name, language = (spec.get(key) if isinstance(spec, dict) else None for key in ("name", "language"))
        if not isinstance(name, str):
            del metadata["kernelspec"]
            if isinstance(language, str):
                metadata.setdefault("language_info", NotebookNode(name=language))
            yield "its kernelspec names no kernel (left out)"
        elif not isinstance(spec.get("display_name"), str):
            spec.display_name = name
            yield f"its kernelspec has no display_name (taken as {name!r})"
    if "language_info" in metadata and not (
        isinstance(metadata.language_info, dict) and isinstance(metadata.language_info.get("name"), str)
    ):
        del metadata["language_info"]
        yield "its language_info names no language (left out)"


def _tags(number: int, cell: NotebookNode) -> Iterator[str]:
    """Tags are a list of texts that differ and have no comma."""
    if "tags" not in cell.metadata:
        return
    found = cell.metadata.tags
    listed = [] if found is None else [found] if isinstance(found, str) else found
    if not isinstance(listed, list) or not all(isinstance(tag, str) for tag in listed):
        return  # it is for the schema to refuse
    tags = list(dict.fromkeys(part.strip() for tag in listed for part in tag.split(",") if part.strip()))
    if tags != found:
        cell.metadata.tags = tags
        yield f"cell {number} has the tags {found!r} (taken as {tags!r})"


def _former_run(node: NotebookNode) -> Iterator[str]:
    """Cells that a former run has added; this one adds its own."""
    kept = []
    for number, cell in enumerate(node.cells, 1):
        marker = next((what for tag, what in MARKERS.items() if tag in cell.metadata.get("tags", [])), None)
        if marker:
            yield f"cell {number} is {marker} of a former run (left out)"
        else:
            kept.append(cell)
    node.cells = kept


def _ids(node: NotebookNode) -> Iterator[str]:
    """Ids that are there, valid and different, once the notebook's format or one of its cells has ids."""
    if node.nbformat_minor < 5 and not any("id" in cell for cell in node.cells):
        return
    node.nbformat_minor = max(node.nbformat_minor, 5)
    taken = {cell.id for cell in node.cells if _is_id(cell.get("id"))}
    seen: set[str] = set()
    for number, cell in enumerate(node.cells, 1):
        found = cell.get("id")
        if _is_id(found) and found not in seen:
            seen.add(found)
            continue
        cell.id = _new_id(found, number, taken)
        taken.add(cell.id)
        fault = "no id" if found is None else f"the id {found!r}"
        too = ", which another cell has too" if _is_id(found) else ""
        yield f"cell {number} has {fault}{too} (given {cell.id!r})"


def _is_id(found: Any) -> bool:
    return isinstance(found, str) and _ID.fullmatch(found) is not None


def _new_id(found: Any, number: int, taken: set[str]) -> str:
    wanted = re.sub(r"[^A-Za-z0-9_-]+", "-", found)[:50].strip("-") if isinstance(found, str) else ""
    wanted = wanted or f"cell-{number}"
    return next(name for name in chain([wanted], (f"{wanted}-{n}" for n in count(number))) if name not in taken)


def _is_valid(node: NotebookNode) -> bool:
    return not get_validator(4, node.nbformat_minor).iter_errors(node)


def _invalid_metadata(node: NotebookNode) -> Iterator[str]:
    for error in list(iter_validate(node)):
        match list(error.path):
            case ["metadata", str(key), *_] if key in node.metadata:
                del node.metadata[key]
                yield f"metadata {key} is not valid (left out)"


def _cell(cell: NotebookNode) -> Iterator[str]:
    """What tells about a cell, or was left by running it, and is not valid; never its source."""
    if cell.cell_type == "code":
        for name, empty in (("outputs", []), ("execution_count", None)):
            if name not in cell:
                cell[name] = empty
                yield f"it has no {name} (taken as {empty!r})"
    if cell.cell_type not in ("code", "markdown", "raw"):
        return  # it is for the schema to refuse
    for error in list(iter_validate(cell, ref=f"{cell.cell_type}_cell", version=4, version_minor=5)):
        match list(error.path):
            case ["metadata", str(key), *_] if key in cell.metadata and key != "tags":
                del cell.metadata[key]
                yield f"its metadata {key} is not valid (left out)"
            case ["outputs", *_] if cell.outputs:
                cell.outputs = []
                yield "its outputs are not valid (left out)"
            case ["execution_count"]:
                cell.execution_count = None
                yield "its execution_count is not valid (left out)"
            case [] if error.validator == "additionalProperties":
                for name in set(cell) - set(error.schema["properties"]):
                    del cell[name]
                    yield f"it has {name}, which a {cell.cell_type} cell does not have (left out)"
