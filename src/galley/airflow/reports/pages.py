"""Pages: templates to HTML that is ours, escaped, and under a policy that lets in nothing but our own files."""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from galley.proof.decision import stamp_in_words
from galley.reports.index import AWAITING_REVIEW, STATES

HERE = Path(__file__).parent
PREFIX = "/galley"
"""Where the application is, from Airflow's own address on."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["slug"] = lambda state: str(state).replace(" ", "-")
    environment.filters["pathquote"] = lambda text: quote(str(text), safe="/")
    environment.filters["quote"] = lambda text: quote(str(text), safe="")
    environment.filters["query"] = lambda values: urlencode({name: value for name, value in values.items() if value})
    environment.filters["duration"] = duration
    environment.filters["stamp"] = stamp_in_words
    environment.filters["metric"] = lambda name: str(name).rpartition(".")[2].replace("_", " ")
    environment.filters["value"] = metric_value
    environment.globals["states"] = STATES
    environment.globals["awaiting_review"] = AWAITING_REVIEW
    environment.globals["version"] = _version()
    return environment


@cache
def _version() -> str:
    """What the addresses of our own files carry, so that a browser keeps them until they change."""
    contents = b"".join(path.read_bytes() for path in sorted((HERE / "static").iterdir()))
    return hashlib.sha256(contents).hexdigest()[:12]


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A page; templates know `root` (this application's address) and `airflow` (Airflow's)."""
    root = str(request.scope.get("root_path", ""))
    values = {"root": root, "airflow": root.removesuffix(PREFIX), **values}
    text = _environment().get_template(f"{template}.html.j2").render(values)
    return HTMLResponse(text, status, HEADERS)


def note(
    request: Request,
    title: str,
    text: str,
    status: int = 200,
    links: Mapping[str, str] | None = None,
    is_passing: bool = False,
) -> HTMLResponse:
    """A page that says why there is nothing to show, and where to go; it looks again by itself if that may pass."""
    return page(request, "note", status, title=title, text=text, links=links or {}, is_passing=is_passing)


def metric_value(value: float, name: str) -> str:
    """A metric as people read it: what its name calls a share or a rate in percent."""
    return f"{value * 100:.3g} %" if name.endswith(("share", "rate")) else f"{value:.4g}"


def duration(seconds: float | None) -> str:
    """A duration as people read it."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
