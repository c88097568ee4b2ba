"""The distribution: what its metadata says is so, and what the pages say of it."""

import re
import runpy
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest

import galley
from galley.airflow.provider import get_provider_info

HOME = Path(__file__).parents[2]
DECLARED = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
PAGE = (HOME / "docs/compatibility.md").read_text()


def test_the_version_is_the_same_wherever_it_is_said():
    assert {galley.__version__, distribution("airflow-galley").version, *get_provider_info()["versions"]} == {
        DECLARED["version"]
    }
    assert get_provider_info()["package-name"] == DECLARED["name"]


def test_what_is_declared_is_a_range_and_not_a_pin():
    asked = [*DECLARED["dependencies"], *(one for extra in DECLARED["optional-dependencies"].values() for one in extra)]
    assert [one for one in asked if "==" in one or re.search("flights", one)] == []


def test_the_compatibility_page_names_the_releases_that_are_tested():
    tested = {release: version for release, (version, _) in releases().items()}
    assert dict(re.findall(r"^\| (3\.\d) \| (3\.\d\.\d) \|$", PAGE, re.MULTILINE)) == tested


LINUX = re.compile(r"CDLL|prctl|pidfd|renameat2|sched_getaffinity|[\"']/(?:proc|sys/fs)\b")


def test_the_compatibility_page_names_each_module_that_asks_linux():
    section = PAGE.partition("## Operating systems")[2].partition("\n## ")[0]
    asking = {path for path in (HOME / "src/galley").rglob("*.py") if LINUX.search(path.read_text())}
    assert {HOME / "src/galley" / name for name in re.findall(r"`([a-z/_]+\.py)`", section)} == asking


@pytest.mark.parametrize(
    "extra", re.findall(r"airflow-galley\[(\w+)\]", (HOME / "docs/into-your-airflow.md").read_text())
)
def test_a_page_names_extras_that_there_are(extra):
    assert extra in DECLARED["optional-dependencies"]


def releases():
    return runpy.run_path(str(HOME / "tests/compat/releases.py"))["RELEASES"]
