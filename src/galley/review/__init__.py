"""What a review lays side by side: metrics with intervals, backtest, drift, slices, importance, changes, checks.

Importing this imports nothing else.
"""

from typing import TYPE_CHECKING

from galley.public import from_modules

if TYPE_CHECKING:
    from galley.registry.contenders import contenders as contenders
    from galley.review import backtest as backtest
    from galley.review import bootstrap as bootstrap
    from galley.review import drift as drift
    from galley.review import trend as trend
    from galley.review.baseline import baseline_checks as baseline_checks
    from galley.review.baseline import chance_checks as chance_checks
    from galley.review.baseline import level_check as level_check
    from galley.review.baseline import overfit_check as overfit_check
    from galley.review.changes import as_diffs as as_diffs
    from galley.review.changes import as_table as as_table
    from galley.review.changes import since_last_accepted as since_last_accepted
    from galley.review.checks import at_least as at_least
    from galley.review.checks import at_most as at_most
    from galley.review.checks import checks_table as checks_table
    from galley.review.checks import headline as headline
    from galley.review.checks import verdict as verdict
    from galley.review.permutation import importance as importance
    from galley.review.slicing import slice_check as slice_check
    from galley.review.slicing import slices as slices
    from galley.review.slicing import worst_in_words as worst_in_words

_NAMES = {
    "as_diffs": "galley.review.changes",
    "as_table": "galley.review.changes",
    "at_least": "galley.review.checks",
    "at_most": "galley.review.checks",
    "baseline_checks": "galley.review.baseline",
    "chance_checks": "galley.review.baseline",
    "checks_table": "galley.review.checks",
    "contenders": "galley.registry.contenders",
    "headline": "galley.review.checks",
    "importance": "galley.review.permutation",
    "level_check": "galley.review.baseline",
    "overfit_check": "galley.review.baseline",
    "slice_check": "galley.review.slicing",
    "slices": "galley.review.slicing",
    "since_last_accepted": "galley.review.changes",
    "verdict": "galley.review.checks",
    "worst_in_words": "galley.review.slicing",
}
_MODULES = {name: f"galley.review.{name}" for name in ("backtest", "bootstrap", "drift", "trend")}

__all__ = sorted((*_NAMES, *_MODULES))
__getattr__ = from_modules(__name__, _NAMES, _MODULES)
