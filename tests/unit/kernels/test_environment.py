"""The environment is stated by name and version, as the packaging tools do."""

import platform
import sys
from importlib.metadata import distributions

from galley.kernels.environment import environment, libraries


def test_the_libraries_are_those_that_the_packaging_tools_find():
    found = environment()
    assert found["python"] == platform.python_version()
    installed = {each.name.lower().replace("_", "-").replace(".", "-"): each.version for each in distributions()}
    assert found["libraries"] == dict(sorted(installed.items()))


def test_what_comes_first_on_the_path_is_what_would_be_imported(tmp_path):
    for folder, version in (("first", "2.0"), ("second", "1.0")):
        (tmp_path / folder / f"Some_Library-{version}.dist-info").mkdir(parents=True)
    folders = [str(tmp_path / folder) for folder in ("first", "second", "missing")]
    assert libraries(folders) == {"some-library": "2.0"}


def test_nothing_is_found_where_nothing_is_installed(tmp_path):
    assert libraries([str(tmp_path), str(tmp_path / "archive.zip")]) == {}
    assert libraries(sys.path)
