"""Render: an executed notebook as one page that needs no network and lets nothing in it reach out.

Scripts never run in it: HTML that a notebook carries is cleaned to what shows text, tables and pictures, SVG is shown
as a picture, and the page's own policy forbids the rest.
"""

import base64
import html
import re
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

from nbconvert import HTMLExporter
from nbconvert.exporters import TemplateExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from traitlets.config import Config

from galley.errors import RecordLost
from galley.notebooks.bounds import MARKDOWN_LIMIT, bounded
from galley.notebooks.clean import Cleaner, has_script
from galley.notebooks.highlight import highlighter
from galley.notebooks.stream import last_state
from galley.stage import MIME_TYPE

POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'none'; connect-src 'none'; "
    "form-action 'none'; base-uri 'none'; frame-src 'none'; object-src 'none'"
)
_TEMPLATES = Path(__file__).with_name("templates")
_SHOWN_FIRST = ["image/svg+xml", "image/png", "image/jpeg", "text/html", "text/markdown", "text/latex", "text/plain"]
_NO_TEXT = re.compile(r"<.*>", re.DOTALL)
"""What Python says of an object that has no text of its own."""
_STATED = "galley_stated"
"""In the metadata of an output: it is what a stage stated, in short."""
_SHA256 = re.compile(r"\b([0-9a-f]{12})([0-9a-f]{52})\b")


def needs_script(data: dict[str, Any]) -> bool:
    """Whether an output's HTML works by script, such as an estimator's diagram, and plain text says the same."""
    plain = "".join(data.get("text/plain", "")).strip()
    return has_script("".join(data["text/html"])) and bool(plain) and not _NO_TEXT.fullmatch(plain)


@cache
def _exporter() -> HTMLExporter:
    """The exporter, made once a process: its templates take longer to compile than a notebook to render."""
    exporter = HTMLExporter(
        config=Config({"NbConvertBase": {"display_data_priority": _SHOWN_FIRST}}),
        default_preprocessors=[],  # after each of its eleven nbconvert validates the notebook
        extra_template_basedirs=[str(_TEMPLATES)],
        template_name="report",
        exclude_anchor_links=True,
    )
    exporter.register_filter("galley_last_state", last_state)
    exporter.register_filter("galley_needs_script", needs_script)
    exporter.register_filter("galley_base64", lambda text: base64.b64encode("".join(text).encode()).decode())
    exporter.register_filter("galley_digests", _with_short_digests)
    exporter.register_filter("galley_image", lambda text: re.sub(r"[^A-Za-z0-9+/=]", "", "".join(text)))
    return exporter


def forget_exporter() -> None:
    """Have the next page made by an exporter of its own: a thread that was given up may still use this one."""
    _exporter.cache_clear()


def prepare() -> None:
    """Do once what the first page of a process costs beside itself: templates are compiled, lexers imported."""
    outputs = [new_output("stream", text=" "), new_output("display_data", {"text/html": " ", "text/markdown": " "})]
    render(new_notebook(cells=[new_markdown_cell("# a"), new_code_cell("a", outputs=outputs)]), "")


def render(node: NotebookNode, title: str, folder: Path | None = None) -> str:
    """The page of an executed notebook; what its metadata.galley says stands at the top.

    Pictures that it names by their paths are those in `folder`, where its source lies.
    Raises RecordLost if nbconvert cannot make a page of it.
    """
    record = node.metadata.get("galley", {})
    end = record.get("end", {})
    tables, texts = _tables(record), _texts(record.get("conclusion") or {})
    shown = _prepared(node, end.get("cell"), set(texts.values()))
    found = ("Findings",) if texts else ("Findings", "Conclusion")  # texts say what the numbers are
    report = {
        "title": title,
        "state": end.get("state", "unknown"),
        "message": end.get("message", ""),
        "failed_cell": _anchor(end["cell"]) if end.get("cell") is not None else None,
        "policy": POLICY,
        "style": (_TEMPLATES / "report" / "report.css").read_text(),
        "record_sha256": record.get("record_sha256", ""),
        "texts": texts,
        "first": {name: rows for name, rows in tables.items() if name in found},
        "last": {name: rows for name, rows in tables.items() if name not in found},
        "contents": list(_contents(shown)),
    }
    exporter = _exporter()
    lexer = node.metadata.get("language_info", {}).get("pygments_lexer")
    exporter.register_filter("galley_clean", Cleaner(folder).clean)
    exporter.register_filter("highlight_code", highlighter(lexer))
    try:
        # Not HTMLExporter's own method: it passes the page through an HTML parser, for the sake of other templates.
        page, _ = TemplateExporter.from_notebook_node(exporter, shown, {"report": report})
    except Exception as error:
        raise RecordLost(f"The report of {title} cannot be rendered: {type(error).__name__}: {error}.") from error
    return str(page)


def _prepared(node: NotebookNode, failed: int | None, at_top: Collection[str]) -> NotebookNode:
    """A shallow copy whose cells know their anchors and labels, without the outputs that stand at the top already."""
    shown = NotebookNode(node)
    shown.cells = [bounded(cell) for cell in node.cells]
    for index, cell in enumerate(shown.cells):
        cell.galley_anchor = _anchor(index)
        cell.galley_failed = index == failed
        cell.galley_label = _label(index, cell)
        if cell.cell_type == "code":
            others = (each for each in cell.get("outputs", []) if _markdown(each) not in at_top)
            cell.outputs = list(_gathered(_joined(others)))
    return shown


def _joined(outputs: Iterable[NotebookNode]) -> Iterator[NotebookNode]:
    """The outputs, where what was printed in pieces is one."""
    for stream, group in groupby(outputs, lambda output: output.get("name")):
        pieces = list(group)
        yield from (
            pieces
            if stream is None or len(pieces) == 1
            else [new_output("stream", name=stream, text="".join("".join(piece.text) for piece in pieces))]
        )


def _gathered(outputs: Iterator[NotebookNode]) -> Iterator[NotebookNode]:
    """The outputs, where statements that follow each other are one: a list of files read is not a wall of boxes.

    What was concluded is left out, as it stands at the top of the page.
    """
    for is_statement, group in groupby(outputs, lambda output: MIME_TYPE in output.get("data", {})):
        if not is_statement:
            yield from group
            continue
        said = [text for output in group if (text := _said(output))]
        if said:
            more = f" and {len(said) - 1} more" if len(said) > 1 else ""
            yield new_output(
                "display_data", {"text/plain": "\n".join(said)}, metadata={_STATED: f"{_before_digest(said[0])}{more}"}
            )


def _markdown(output: NotebookNode) -> str | None:
    text = output.get("data", {}).get("text/markdown")
    return None if text is None else "".join(text)


def _before_digest(statement: str) -> str:
    return re.split(r"\s{2,}\d", statement)[0]


def _said(statement: NotebookNode) -> str:
    facts = statement.data[MIME_TYPE]
    is_conclusion = isinstance(facts, dict) and facts.get("kind") == "conclusion"
    return "" if is_conclusion else "".join(statement.data.get("text/plain", ""))


def _anchor(index: int) -> str:
    return f"cell-{index + 1}"


def _label(index: int, cell: NotebookNode) -> str:
    """What stands beside a folded code cell: its number, its first words, how long it took."""
    first = next((line.strip() for line in cell.source.splitlines() if line.strip()), "")
    timing = cell.metadata.get("papermill", {})
    took = f"{timing['duration']:.2f} s" if timing.get("duration") is not None else timing.get("status", "")
    return " · ".join(part for part in (f"cell {index + 1}", took, first[:80]) if part)


def _contents(node: NotebookNode) -> Iterator[dict[str, Any]]:
    for cell in node.cells:
        if cell.cell_type == "markdown":
            fenced = re.sub(r"^```.*?^```", "", cell.source, flags=re.DOTALL | re.MULTILINE)
            for match in re.finditer(r"^(#{1,4})[ \t]+(\S.*)$", fenced, re.MULTILINE):
                text = match[2].rstrip().rstrip("#").rstrip()
                yield {"level": len(match[1]), "text": re.sub(r"[*_`]", "", text), "anchor": cell.galley_anchor}


def _tables(record: dict[str, Any]) -> dict[str, list[list[str]]]:
    """The record as tables of text: what was concluded and asked, then where it all came from."""
    files = [
        [f"{verb} {fact['path']}", f"{fact['bytes']:,} bytes", f"sha256 {fact['sha256']}"]
        for verb, facts in (("read", record.get("inputs", [])), ("wrote", record.get("outputs", [])))
        for fact in facts
    ]
    run = record.get("run", {})
    provenance = {
        **run,
        **{f"source {key}": value for key, value in record.get("source", {}).items()},
        **{f"kernel {key}": value for key, value in record.get("kernel", {}).items()},
        **{key: record.get(key) for key in ("lock_sha256", "host", "started", "ended", "seconds")},
    }
    return {
        "Conclusion": [
            [str(key), _as_lines(value)]
            for key, value in (record.get("conclusion") or {}).items()
            if not _is_text(value)
        ],
        "Findings": [["statement", finding] for finding in record.get("findings", [])],
        "Parameters": _rows(record.get("parameters", {})),
        "Files": files,
        "Provenance": _rows({key: value for key, value in provenance.items() if value is not None}),
        "Libraries": _rows(record.get("environment", {}).get("libraries", {})),
    }


def _texts(conclusion: dict[str, Any]) -> dict[str, str]:
    """What was concluded in lines of markdown, too long for a table; the summary of a review comes first."""
    texts = {str(key): value for key, value in conclusion.items() if _is_text(value)}
    return dict(sorted(texts.items(), key=lambda text: text[0] != "summary"))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\n" in value.strip() and len(value) <= MARKDOWN_LIMIT


def _as_lines(value: Any, between: str = "\n") -> str:
    """A value for people: what a dict holds stands in lines of its own, what is in that in one line."""
    if isinstance(value, dict):
        return between.join(f"{key}: {_as_lines(one, ', ')}" for key, one in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(_as_lines(one, " ") for one in value) or "none"
    return value if isinstance(value, str) else repr(value)


def _with_short_digests(text: str) -> str:
    """The text as HTML, where a SHA-256 has twelve digits, and all of them for whoever points at it."""
    return _SHA256.sub(r'<abbr title="\1\2">\1</abbr>', html.escape(text))


def _rows(values: dict[str, Any]) -> list[list[str]]:
    return [[str(key), value if isinstance(value, str) else repr(value)] for key, value in values.items()]
