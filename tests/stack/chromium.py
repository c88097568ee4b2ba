"""A person with a browser: walk.py, in the environment that has Playwright."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
BROWSER = HERE.parents[1] / ".venvs/browser/bin/python"


def require():
    """Skip, or fail in CI, where there is no browser."""
    if not BROWSER.exists() or not shutil.which("chromium"):
        why = "There is no Chromium or no .venvs/browser. Install chromium, and run `make .venvs/browser/.synced`."
        pytest.fail(why) if os.environ.get("CI") == "true" else pytest.skip(why)


def walk(stack, link, user, **more):
    """What walk.py has to say; nothing, if all was found."""
    page = link.replace("/approval/required_actions", "/train")
    asked = {"link": link, "page": page, "user": user, "password": stack.settings[f"{user.upper()}_PASSWORD"]}
    done = subprocess.run([BROWSER, HERE / "walk.py"], input=json.dumps(asked | more), text=True, capture_output=True)
    return done.stdout + done.stderr
