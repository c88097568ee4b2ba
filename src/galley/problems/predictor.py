"""Predictor: a model that is asked as its problem asks, for the columns that its signature names, in their order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from galley.problems.problem import Array, Problem, refused

_NUMBERS = frozenset({"long", "integer", "double", "float", "boolean"})


@dataclass(frozen=True)
class Predictor:
    """What says of rows what a model predicts.

    `columns` are the names and MLflow's types of the model's signature; empty if it has none, and then it gets the rows
    as they are.
    """

    model: Any
    problem: Problem
    columns: Mapping[str, str]

    def __call__(self, rows: Any) -> Array:
        """What is predicted, in the form of the problem.

        Raises ModelNotFound if the rows lack a column of the signature or have one of another type, and if the model
        says what its problem has no place for.
        """
        return self.problem.ask(self.model, self.asked(rows))

    def asked(self, rows: Any) -> Any:
        """The columns that the model takes."""
        if not self.columns or not isinstance(rows, pd.DataFrame):
            return rows
        lacking = [name for name in self.columns if name not in rows]
        if lacking:
            raise refused(f"by its signature it takes {', '.join(lacking)}, which the rows do not have.")
        taken = rows[list(self.columns)]
        for name, kind in self.columns.items():
            if _is_number(taken[name]) != (kind in _NUMBERS) and taken[name].notna().any():
                raise refused(f"by its signature it takes {name} as {kind}, and the rows have {taken[name].dtype}.")
        return taken


def _is_number(values: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values))
