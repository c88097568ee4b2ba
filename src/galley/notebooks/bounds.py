"""Bounds: what a page shows in another way, because the usual one takes more than linear time or memory."""

import re

from nbconvert.filters import strip_ansi
from nbformat import NotebookNode

MARKDOWN_LIMIT = 50_000
"""Characters of markdown, beyond which its source is shown."""
COLOURS_LIMIT = 10_000
"""Changes of colour in one text, beyond which it is shown without any."""
NESTING_LIMIT = 256
"""Elements of HTML in each other; two hundred thousand take a hundred seconds to clean, and a browser its stack."""
_TOO_DEEP = f"[This HTML has more than {NESTING_LIMIT} elements in each other and is not shown; the notebook has it.]"
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)")
_EMPTY = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_ENDED_BY_THE_NEXT = {
    "caption", "colgroup", "dd", "dt", "li", "optgroup", "option", "p", "rp", "rt", "tbody", "td", "tfoot", "th",
    "thead", "tr",
}  # fmt: skip
_NEVER_NESTED = _EMPTY | _ENDED_BY_THE_NEXT
_RAW = frozenset({"script", "style", "textarea", "title"})


def bounded(cell: NotebookNode) -> NotebookNode:
    """A shallow copy of a cell, with what is too much for a page shown in another way."""
    shown = NotebookNode(cell)
    if cell.cell_type == "markdown" and len(cell.source) > MARKDOWN_LIMIT:
        shown.cell_type = "raw"
    if "outputs" in cell:
        shown.outputs = [_bounded(output) for output in cell.outputs]
    return shown


def _bounded(output: NotebookNode) -> NotebookNode:
    shown = NotebookNode(output)
    if "text" in output:
        shown.text = _few_colours(_joined(output.text))
    if "traceback" in output:
        shown.traceback = [_few_colours("\n".join(output.traceback))]
    if "data" in output:
        shown.data = NotebookNode(output.data)
        for kind, instead in (("text/html", _instead_of_html), ("text/markdown", _instead_of_markdown)):
            text = instead(_joined(output.data[kind])) if kind in output.data else None
            if text is not None:
                del shown.data[kind]
                shown.data["text/plain"] = text
        if "text/plain" in shown.data:
            shown.data["text/plain"] = _few_colours(_joined(shown.data["text/plain"]))
    return shown


def _instead_of_html(html: str) -> str | None:
    return _TOO_DEEP if nests_deeply(html) else None


def _instead_of_markdown(markdown: str) -> str | None:
    return markdown if len(markdown) > MARKDOWN_LIMIT else None


def nests_deeply(html: str) -> bool:
    """Whether more elements may stand in each other than NESTING_LIMIT; what is not closed counts as going on."""
    if html.count("<") <= NESTING_LIMIT:
        return False
    opened: dict[str, int] = {}
    depth, raw = 0, ""
    for closes, name in _TAG.findall(html):
        tag = name.lower()
        if tag in _NEVER_NESTED or (raw and tag != raw):
            continue
        if closes:
            raw = ""
            if opened.get(tag):
                opened[tag] -= 1
                depth -= 1
            continue
        opened[tag] = opened.get(tag, 0) + 1
        raw = tag if tag in _RAW else ""
        depth += 1
        if depth > NESTING_LIMIT:
            return True
    return False


def _few_colours(text: str) -> str:
    return str(strip_ansi(text)) if text.count("\x1b[") > COLOURS_LIMIT else text


def _joined(text: str | list[str]) -> str:
    return "".join(text)
