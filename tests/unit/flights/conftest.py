"""Small days of flights."""

from datetime import date

import pandas as pd
import pytest

from flights import contract, synthetic


@pytest.fixture
def batch() -> contract.Batch:
    return synthetic.generate(date(2026, 11, 23), rows=300, late_share=0.3)


@pytest.fixture
def data(batch: contract.Batch) -> pd.DataFrame:
    return contract.check_data(batch.data)


@pytest.fixture
def late(batch: contract.Batch) -> pd.Series:
    return contract.check_target(batch.target)["late"]
