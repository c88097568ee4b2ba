"""Tests of a project's stages: run them on a tiny day, kill them where you like, and hold what is left to the promises.

For tests alone, and with no framework for them. Importing this imports nothing else.
"""

from typing import TYPE_CHECKING

from galley.public import from_modules

if TYPE_CHECKING:
    from galley.testing.desk import Desk as Desk
    from galley.testing.desk import wait_until as wait_until
    from galley.testing.promises import broken as broken
    from galley.testing.promises import unsettled as unsettled

_NAMES = {
    "Desk": "galley.testing.desk",
    "broken": "galley.testing.promises",
    "unsettled": "galley.testing.promises",
    "wait_until": "galley.testing.desk",
}

__all__ = sorted(_NAMES)
__getattr__ = from_modules(__name__, _NAMES, {})
