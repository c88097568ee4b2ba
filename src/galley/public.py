"""Public names: a package gives each from where it is defined, when it is asked for. Importing it does nothing."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def from_modules(package: str, names: Mapping[str, str], modules: Mapping[str, str]) -> Callable[[str], Any]:
    """A package's `__getattr__`: a name is taken from its module, a module from where it is, when asked for."""

    def found(name: str) -> Any:
        if name in modules:
            return import_module(modules[name])
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(names[name]), name)

    return found
