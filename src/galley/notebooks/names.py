"""Names of notebooks: NN_<stage>. The number says in which order stages run, the rest is the stage's name."""

import re

_NUMBERED = re.compile(r"(?P<number>\d+)_(?P<stage>.+)")


def stage_of(stem: str) -> str:
    """The stage's name, as metrics.json has it: that of its notebook without the number."""
    numbered = _NUMBERED.fullmatch(stem)
    return numbered["stage"] if numbered else stem


def order(name: str) -> tuple[float, str]:
    """What sorts stages and their files: the number that the name begins with; those without one come last."""
    numbered = _NUMBERED.fullmatch(name)
    return (int(numbered["number"]) if numbered else float("inf"), name)
