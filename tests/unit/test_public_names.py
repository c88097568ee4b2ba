"""What people import is listed in one place for each of them, and importing that place does nothing."""

import ast
import importlib
import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
PACKAGES = ["galley", "galley.training", "galley.problems", "galley.review", "galley.airflow", "galley.testing"]
NEEDS = {
    "galley": "mlflow",
    "galley.training": "sklearn",
    "galley.problems": "sklearn",
    "galley.review": "sklearn",
    "galley.airflow": "airflow",
    "galley.testing": "psutil",
}


def for_typing(package):
    """The names that a package imports for type checkers."""
    tree = ast.parse(Path(importlib.import_module(package).__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    return {name.name: node.module for node in block.body for name in node.names}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_type_checker_sees_the_names_that_there_are(package):
    found = importlib.import_module(package)
    folders = {name: path.rpartition(".")[0] for name, path in getattr(found, "_MODULES", {}).items()}
    assert for_typing(package) == found._NAMES | folders


@pytest.mark.parametrize("package", PACKAGES)
def test_each_public_name_is_there_where_its_libraries_are(package):
    if not find_spec(NEEDS[package]):
        pytest.skip(f"{package} is used where {NEEDS[package]} is")
    found = importlib.import_module(package)
    assert [name for name in found.__all__ if not hasattr(found, name)] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_imports_nothing_of_it(package):
    code = f"import sys, {package}; print(*[name for name in sys.modules if name.startswith('galley.')])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(told) - {package} == {"galley.public"}


def test_a_name_that_is_not_public_is_no_attribute():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = importlib.import_module("galley").nothing


def test_notebooks_import_public_names_alone():
    cells = [
        cell["source"]
        for path in (HOME / "notebooks").glob("[!s]*/*.ipynb")
        for cell in json.loads(path.read_text())["cells"]
        if cell["cell_type"] == "code"
    ]
    imported = {found for lines in cells for found in re.findall(r"(?:from|import) (galley[\w.]*)", "".join(lines))}
    assert imported == {"galley", "galley.contract", "galley.review", "galley.training"}


def test_dag_files_import_from_one_place():
    found = {
        line for path in (HOME / "dags").glob("*.py") for line in path.read_text().splitlines() if "galley" in line
    }
    imports = {line.split(" import ")[0] for line in found if line.startswith(("from ", "import "))}
    assert imports == {"from galley.airflow"}


@pytest.mark.parametrize("package", [*PACKAGES, "galley.contract"])
def test_the_reference_lists_each_public_name(package):
    text = (HOME / "docs/reference.md").read_text()
    section = re.search(rf"^### {re.escape(package)}\n(.*?)(?=^##)", text, re.MULTILINE | re.DOTALL)[1]
    names = re.findall(r"^\| (`.+?`) \|", section, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", " ".join(names))) == set(importlib.import_module(package).__all__)
