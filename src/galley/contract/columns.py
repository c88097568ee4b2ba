"""Column: one agreed column of a table, by kind, limits and whether it may be missing."""

from dataclasses import dataclass
from typing import Literal

import numpy as np


@dataclass(frozen=True)
class Column:
    """One agreed column. Limits are inclusive; a nullable column may even be missing in all rows."""

    name: str
    kind: Literal["text", "number", "flag", "moment"]
    help: str
    nullable: bool = False
    low: float = -np.inf
    high: float = np.inf
    unique: bool = False
