"""A project in a temporary folder, as the local commands see it."""

import pytest

from galley.settings import Settings


@pytest.fixture
def settings(tmp_path):
    """Settings of a project that has nothing yet."""
    return Settings.from_environment({"GALLEY_HOME": str(tmp_path)})
