"""The kinds of problem: how a model of each is asked and judged, and what is written of what it says.

Importing this imports nothing else.
"""

from typing import TYPE_CHECKING

from galley.public import from_modules

if TYPE_CHECKING:
    from galley.problems.binary import Binary as Binary
    from galley.problems.multiclass import Multiclass as Multiclass
    from galley.problems.problem import Metric as Metric
    from galley.problems.problem import Problem as Problem
    from galley.problems.regression import Regression as Regression

_NAMES = {
    "Binary": "galley.problems.binary",
    "Metric": "galley.problems.problem",
    "Multiclass": "galley.problems.multiclass",
    "Problem": "galley.problems.problem",
    "Regression": "galley.problems.regression",
}

__all__ = sorted(_NAMES)
__getattr__ = from_modules(__name__, _NAMES, {})
