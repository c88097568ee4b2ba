"""People with a mail and a browser: through the login to the form, the whole review, the notebooks, and the answer."""

import json
import re

import chromium
import pytest
from chromium import walk

DAY = "2026-10-28"
TITLE = f"Put the model of {DAY} into production?"


@pytest.fixture(scope="module")
def link(stack):
    """The link in the mail that asks for an answer."""
    chromium.require()
    assert stack.perform("generate_data", DAY) == ["success"]
    stack.begin("train_weekly", DAY, train_days=1)
    (mail,) = stack.wait(lambda: stack.mails(TITLE), "the mail")
    return re.search(r'http://localhost:\d+/dags/train_weekly/runs/[^\s<>"]+', mail)[0]


@pytest.mark.parametrize("user", ["viewer", "admin"])
def test_who_is_no_reviewer_reads_the_form_the_review_and_the_notebooks(stack, link, user):
    assert walk(stack, link, user) == ""


def test_the_reviewer_goes_from_the_mail_to_the_answer(stack, link):
    assert walk(stack, link, "reviewer", reason="Better on both.") == ""
    assert stack.ends("train_weekly", DAY) == ["success"]
    decision = json.loads((stack.home / "outputs" / DAY / "train_weekly" / "decision.json").read_text())
    assert (decision["decision"], decision["reviewer"], decision["reason"]) == (
        "Approve", "reviewer", "Better on both.",
    )  # fmt: skip
