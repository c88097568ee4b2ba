"""The how-to: what whoever answers a review reads first, the last link of its form."""

from functools import cache

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from nbconvert.filters import markdown2html

from galley.airflow.reports.pages import HERE, page

router = APIRouter()


@router.get("/how-to-review")
def of_a_review(request: Request) -> HTMLResponse:
    """How to review; for everybody with a session."""
    return page(request, "how_to", content=_content())


@cache
def _content() -> str:
    return str(markdown2html((HERE / "how_to_review.md").read_text()))
