"""Judging is the workbench's: elsewhere there is nothing to judge with."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("sklearn") else ["test_*.py"]
