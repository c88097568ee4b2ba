"""The guide to a review explains what the review has: each check, each part."""

import ast
import re
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest

from galley.problems import Binary
from galley.review import baseline_checks, chance_checks, level_check, overfit_check, slice_check
from galley.review.backtest import LiveDay

HOME = Path(__file__).parents[2]
GUIDE = (HOME / "docs" / "review.md").read_text()
CELLS = nbformat.read(HOME / "notebooks/train_weekly/05_review.ipynb", as_version=4).cells
CALLS = [
    node
    for cell in CELLS
    if "at_least(" in cell.source
    for node in ast.walk(ast.parse(cell.source))
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("at_least", "at_most")
]
TARGET, SAID = np.array([0, 1]), np.array([0.4, 0.6])
DAYS = [LiveDay("2026-11-20", "1", pd.DataFrame({"target": TARGET, "probability": SAID}), 2, counts=True)]
MADE = [
    *baseline_checks(Binary(), TARGET, SAID),
    overfit_check(Binary(), 1, 1, 1),
    *chance_checks(Binary(), DAYS, DAYS),
    level_check(Binary(), TARGET, SAID, 1),
    slice_check(pd.DataFrame(), 1),
]
CHECKS = {
    **{call.args[0].value: not any(word.arg == "required" for word in call.keywords) for call in CALLS},
    **{check.name: check.required for check in MADE},
}
"""Each check by its name, and whether it is required."""
PARTS = [cell.source.split("\n")[0].removeprefix("## ") for cell in CELLS if cell.source.startswith("## ")]
NOT_EXPLAINED = {"The verdict", "What was reviewed"}
"""The first is what the checks make; the second is for machines."""


def rows(header):
    """The first cells of the guide's table that begins so."""
    table = re.search(rf"^\| {header} \|.*?\n\n", GUIDE, re.MULTILINE | re.DOTALL)
    return [line.split("|")[1].strip() for line in table[0].strip().splitlines()[2:]]


def test_every_check_is_explained():
    assert CHECKS
    assert set(rows("check")) == set(CHECKS)


def test_every_part_of_the_page_is_explained_in_its_order():
    assert rows("part") == [part for part in PARTS if part not in NOT_EXPLAINED]


@pytest.mark.parametrize("check", CHECKS)
def test_it_says_which_checks_are_required(check):
    said = next(line for line in GUIDE.splitlines() if line.startswith(f"| {check} |")).split("|")[3].strip()
    assert (said == "yes") == CHECKS[check]
