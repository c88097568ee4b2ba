"""Learnable: rows that keep to their contract and still teach a model nothing are a breach too."""

import pandas as pd

from galley.contract.breach import Breach, raise_breaches


def check_classes(target: pd.Series, name: str) -> None:
    """Raises ContractBreach unless there are two rows of each class, 0 and 1: a model cannot learn from fewer."""
    counts = {label: int((target == label).sum()) for label in (0, 1)}
    if min(counts.values()) < 2:
        problem = f"only one class to learn from: {counts[1]} rows are 1 and {counts[0]} are 0"
        raise_breaches([Breach(str(target.name), problem, len(target), "Train on more days.")], name)


def check_varied(features: pd.DataFrame, name: str) -> None:
    """Raises ContractBreach if no column has two values, missing counted as one: rows that are alike teach nothing."""
    if not any(features[column].nunique(dropna=False) > 1 for column in features):
        problem = "nothing to learn from: each has one value in all rows, or none"
        action = "Look at the source of the data, or train on more days."
        raise_breaches([Breach("all features", problem, len(features), action)], name)
