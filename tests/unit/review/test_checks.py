"""What checks amount to, as a table."""

import pytest

from galley.review.checks import Check, at_least, at_most, checks_table, headline, verdict

GOOD = at_least("rows", 100, 50)
BAD = at_most("loss", 0.3, 0.2)
DOUBT = at_least("rows", 10, 50, required=False)


@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ([], "neutral"),
        ([GOOD], "approve"),
        ([GOOD, DOUBT], "neutral"),
        ([GOOD, BAD], "against"),
        ([DOUBT, BAD], "against"),
    ],
)
def test_checks_amount_to(checks: list[Check], expected: str) -> None:
    assert verdict(checks) == expected


@pytest.mark.parametrize(
    ("check", "passed"),
    [
        (at_least("x", 1, 1), True),
        (at_least("x", 0.9, 1), False),
        (at_most("x", 1, 1), True),
        (at_most("x", 1.1, 1), False),
        (at_least("x", float("nan"), 1), False),
        (at_most("x", float("nan"), 1), False),
    ],
)
def test_a_limit_itself_passes_and_what_is_no_number_never_does(check: Check, passed: bool) -> None:
    assert check.passed is passed


def test_the_headline_names_what_failed() -> None:
    assert headline([GOOD, BAD]) == "Recommend reject: 1 of 2 checks pass; not: loss."


def test_the_table_is_github_markdown() -> None:
    assert checks_table([BAD]).splitlines()[-1] == "| **FAIL** | loss | 0.3 | at most 0.2 |"
