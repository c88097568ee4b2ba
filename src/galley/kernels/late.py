"""Late: a module that others import although hardly anybody uses it, and that waits here until somebody does.

jsonschema imports rfc3987_syntax, which comes with JupyterLab, to check IRIs, which no notebook has. Its import
compiles a grammar: a quarter of the time of all that a server of kernels imports, half of that of a stage's command.
For processes that are galley's own.
"""

import importlib
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_NAME = "rfc3987_syntax"
_ITS_OWN = ("is_valid_syntax", "make_syntax_validator", "parse", "RFC3987_SYNTAX_")
"""What the names begin with that it is imported for."""


def delay() -> None:
    """Have the module's import cost nothing before it is used; where it is there or cannot be, nothing is done."""
    spec = None if _NAME in sys.modules else find_spec(_NAME)
    if spec is not None:
        sys.modules[_NAME] = _Late(spec)


class _Late(ModuleType):
    """Stands for the module; what it is asked for first is answered by the real one, which is there from then on."""

    def __init__(self, spec: ModuleSpec) -> None:
        super().__init__(_NAME)
        self.__spec__, self.__file__, self.__path__ = spec, spec.origin, spec.submodule_search_locations or []

    def is_valid_syntax(self, term: str, value: str) -> bool:
        """What jsonschema imports by its name."""
        is_valid: bool = self._real().is_valid_syntax(term, value)
        return is_valid

    def __getattr__(self, name: str) -> Any:
        if not name.startswith(_ITS_OWN):  # who looks for something in every module, as pickle does, does not use it
            raise AttributeError(name)
        return getattr(self._real(), name)

    def _real(self) -> ModuleType:
        if sys.modules.get(_NAME) is self:
            del sys.modules[_NAME]
        return importlib.import_module(_NAME)
