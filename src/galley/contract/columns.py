"""Column: one agreed column of a table, by kind, limits and whether it may be missing."""

import sys
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Column:
    """One agreed column. Limits are inclusive; a nullable column may even be missing in all rows.

    A moment is local time, without an offset; with `of_day` it is of the day that its file is of. Where `unique` is
    set, the column is the table's key: no two values are the same, blanks and case apart.
    """

    name: str
    kind: Literal["text", "number", "flag", "moment"]
    help: str
    nullable: bool = False
    low: float = -sys.float_info.max
    high: float = sys.float_info.max
    unique: bool = False
    of_day: bool = False
