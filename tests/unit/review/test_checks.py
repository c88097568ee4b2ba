"""What checks amount to, as a table."""

import pytest

from galley.review.checks import Check, above, at_least, at_most, below, checks_table, headline, verdict

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
        (above("x", 1.1, 1), True),
        (above("x", 1, 1), False),
        (above("x", float("nan"), 1), False),
        (below("x", 0.9, 1), True),
        (below("x", 1, 1), False),
        (below("x", float("nan"), 1), False),
    ],
)
def test_a_limit_itself_passes_unless_it_has_to_be_crossed_and_what_is_no_number_never_does(
    check: Check, passed: bool
) -> None:
    assert check.passed is passed


def test_the_headline_names_what_failed() -> None:
    assert headline([GOOD, BAD]) == "Recommend reject: 1 of 2 checks pass; not: loss."


def test_the_table_is_github_markdown() -> None:
    assert checks_table([BAD]).splitlines()[-1] == "| **FAIL** | loss | 0.3 | at most 0.2 |"


def test_the_table_says_unknown_of_a_value_that_is_no_number() -> None:
    assert (
        checks_table([above("auc", float("nan"), 0.5)]).splitlines()[-1] == "| **FAIL** | auc | unknown | above 0.5 |"
    )
