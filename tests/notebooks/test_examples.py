"""The examples are what `galley init` writes but for their domain; their own tests pass."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_project import HERE

from galley.init import write_project

EXAMPLES = {"flight-minutes": "regression", "flight-arrivals": "multiclass"}


def _texts(folder: Path) -> dict[str, str]:
    """The text of each file that is not made by a run or a test, by its path."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    made = {".airflow", ".pytest_cache", ".venvs", "__pycache__", "data", "keys", "outputs"}
    return {path.as_posix(): (folder / path).read_text() for path in paths if made.isdisjoint(path.parts)}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_what_init_writes_but_for_its_domain(name: str, tmp_path: Path) -> None:
    write_project(tmp_path / name, EXAMPLES[name])
    written, here = _texts(tmp_path / name), _texts(HERE / "examples" / name)
    assert here.keys() == written.keys()
    package = name.replace("-", "_")
    domain = {"README.md", "galley.toml", "pyproject.toml", f"dags/{package}_generate.py"}
    domain |= {f"src/{package}/source.py", f"src/{package}/model.py"}
    others = [path for path, text in written.items() if here[path] != text and path not in domain]
    assert others == [], f"copy these from what `galley init {name} --problem {EXAMPLES[name]}` writes"


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_tests_of_an_example_pass(name: str) -> None:
    folder = HERE / "examples" / name
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src"), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "3 passed" in done.stdout, done.stdout
