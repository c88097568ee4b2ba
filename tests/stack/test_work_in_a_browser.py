"""People with a mail and a browser: through the login to the form, the whole review, the notebooks, and the answer."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BROWSER = HERE.parents[1] / ".venvs/browser/bin/python"
DAY = "2026-11-05"
"""Later than those of other stories: no model replaces a newer one."""
TITLE = f"Put the model of {DAY} into production?"


@pytest.fixture(scope="module")
def link(stack):
    """The link in the mail that asks for an answer."""
    if not BROWSER.exists() or not shutil.which("chromium"):
        why = "There is no Chromium or no .venvs/browser. Install chromium, and run `make .venvs/browser/.synced`."
        pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)
    assert stack.perform("generate_data", DAY) == ["success"]
    stack.begin("train_weekly", DAY, train_days=1)
    (mail,) = stack.wait(lambda: stack.mails(TITLE), "the mail")
    return re.search(r'http://localhost:\d+/dags/train_weekly/runs/[^\s<>"]+', mail)[0]


def walk(stack, link, user, **more):
    """What walk.py has to say; nothing, if all was found."""
    page = link.replace("/approval/required_actions", "/train")
    asked = {"link": link, "page": page, "user": user, "password": stack.settings[f"{user.upper()}_PASSWORD"]}
    done = subprocess.run([BROWSER, HERE / "walk.py"], input=json.dumps(asked | more), text=True, capture_output=True)
    return done.stdout + done.stderr


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
