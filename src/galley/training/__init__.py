"""Training with scikit-learn: a pipeline that leaves out what teaches nothing, and a model of reproducible bytes.

Importing this imports nothing else.
"""

from typing import TYPE_CHECKING

from galley.public import from_modules

if TYPE_CHECKING:
    from galley.training.pipeline import dropped as dropped
    from galley.training.pipeline import tabular as tabular
    from galley.training.saved_model import SKOPS_FILE as SKOPS_FILE
    from galley.training.saved_model import save as save

_NAMES = {
    "SKOPS_FILE": "galley.training.saved_model",
    "dropped": "galley.training.pipeline",
    "save": "galley.training.saved_model",
    "tabular": "galley.training.pipeline",
}

__all__ = sorted(_NAMES)
__getattr__ = from_modules(__name__, _NAMES, {})
