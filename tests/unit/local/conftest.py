"""The example's project in a temporary folder, as the local commands see it."""

import shutil
from pathlib import Path

import pytest

from galley.settings import Settings


@pytest.fixture
def settings(tmp_path):
    """Settings of the example's project, which has nothing yet."""
    shutil.copy(Path(__file__).parents[3] / "galley.toml", tmp_path)
    return Settings.from_environment({"GALLEY_HOME": str(tmp_path)})
