"""The documentation says what the code says."""

import argparse
import ast
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from galley import errors
from galley.cli import _parser
from galley.project import DeclaredKernel, DeclaredModel, Locations, Policy
from galley.settings import Settings

HOME = Path(__file__).parents[2]
PAGES = sorted(page for folder in (".", "docs", "examples", "examples/*") for page in HOME.glob(f"{folder}/*.md"))
PAGES.append(HOME / "src/galley/airflow/reports/how_to_review.md")


def text(name):
    return (HOME / name).read_text()


def test_the_reference_lists_every_setting_with_its_help():
    section = text("docs/reference.md").partition("## Settings")[2].partition("\n## ")[0]
    listed = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", section, re.MULTILINE))
    assert listed == {field.metadata["env"]: field.metadata["help"] for field in fields(Settings)}


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ("project", Locations),
        ("models.NAME", DeclaredModel),
        ("models.NAME.policy", Policy),
        ("kernels.NAME", DeclaredKernel),
    ],
)
def test_the_reference_lists_every_key_of_galley_toml(table, kind):
    rows = text("docs/reference.md").partition(f"| key of `[{table}]` |")[2].partition("\n\n")[0].splitlines()[2:]
    listed = [key for row in rows for key in re.findall(r"`(\w+)`", row.split(" | ")[0])]
    assert sorted(listed) == sorted(kind.model_fields.keys() - {"name"})


def _commands(parser, words=("galley",)):
    """Each command with its actions and the names of its options."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for name, command in ((name, command) for action in below for name, command in action.choices.items()):
        yield from _commands(command, (*words, name))
    if not below:
        yield " ".join(words), {option for action in parser._actions for option in action.option_strings[-1:]}


def test_the_reference_lists_every_command_with_its_options():
    section = text("docs/reference.md").partition("## Commands")[2].partition("\n## ")[0]
    listed = {row.partition("`")[2]: row for row in section.splitlines() if row.startswith("| `galley ")}
    missing = []
    for command, options in _commands(_parser()):
        row = next((row for start, row in listed.items() if re.match(rf"{command}\b(?! [a-z])", start)), "")
        missing += [(command, option) for option in ("", *options - {"--help"}) if option not in row or not row]
    assert missing == []


def test_troubleshooting_lists_every_error_that_can_be_met():
    kinds = {
        name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.GalleyError)
    } - {"GalleyError", "Permanent", "Transient"}
    assert set(re.findall(r"^\| `(\w+)` \|", text("docs/troubleshooting.md"), re.MULTILINE)) == kinds


def test_the_tree_of_errors_is_drawn_as_it_is():
    drawn = {}
    above = {0: "GalleyError"}
    for line in re.findall(r"^    [ │├└─]*\w.*$", errors.__doc__, re.MULTILINE)[1:]:
        name = re.search(r"\w+", line)
        depth = (name.start() - 4) // 4
        above[depth] = name[0]
        drawn[name[0]] = above[depth - 1]
    real = {
        name: kind.__base__.__name__
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.GalleyError) and kind is not errors.GalleyError
    }
    assert drawn == real


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_links_to_files_that_are_there(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_readme_begins_with_the_review_and_leaves_settings_to_the_reference():
    lines = text("README.md").splitlines()
    why = [number for number, line in enumerate(lines[:20]) if line.startswith("- **")]
    picture = next(number for number, line in enumerate(lines) if line.startswith("![The review"))
    assert (picture < why[0], len(why)) == (True, 5)
    assert [line for line in lines if re.search("GALLEY_[A-Z]|AIRFLOW__", line)] == []


def test_the_gallery_lists_every_dag_that_there_is():
    listed = {HOME / path for path in re.findall(r"\]\(\.\./([^)]+\.py)\)", text("docs/gallery.md"))}
    assert listed == {*HOME.glob("dags/*.py"), *HOME.glob("examples/*.py"), *HOME.glob("examples/gallery/dags/*.py")}


def test_contributing_names_files_that_are_there():
    named = re.findall(r"`((?:src|dags|notebooks|Makefile)[\w/.]*)", text("CONTRIBUTING.md"))
    assert [name for name in named if not (HOME / name).exists()] == []


def test_each_row_of_security_names_tests_that_are_there_or_says_why_it_has_none():
    rows = [line.split("|")[-2] for line in text("SECURITY.md").splitlines() if re.match(r"\| (?!-)", line)]
    tests = "".join(path.read_text() for path in HOME.glob("tests/**/*.py"))
    named = {name for row in rows for name in re.findall(r"`(test_\w+)`", row)}
    assert [name for name in sorted(named) if f"def {name}(" not in tests] == []
    assert {row.strip() for row in rows if "`test_" not in row and "not tested" not in row} == {"test", "the same"}


def test_pages_name_only_verbs_that_make_has():
    verbs = set(re.findall(r"^([a-z-]+):.*##", text("Makefile"), re.MULTILINE))
    named = {verb for page in PAGES for verb in re.findall(r"\bmake ([a-z-]+)`|^    make ([a-z-]+)", page.read_text())}
    assert {verb for pair in named for verb in pair if verb} <= verbs


def test_the_changelog_has_the_version_that_is_built():
    version = re.search(r'^version = "(.+)"', text("pyproject.toml"), re.MULTILINE)[1]
    assert re.search(rf"^## {re.escape(version)}\b", text("CHANGELOG.md"), re.MULTILINE)


WORDS = (
    r"mend(?:s|ed)?", r"(?:is|are|was|were) told", "by hand", "what was given", "one a blank", "lived week",
    r"reign(?:s|ing)?", "is no (?:port|date|time|notebook|setting|address)", "behind the record", "hindrance",
    "obstacle", "crown", "carriers", "patience", "is neither",
)  # fmt: skip


USED = re.compile(rf"\b(?:{'|'.join(WORDS)})\b", re.IGNORECASE)
SOURCES = [
    path
    for folder in ("src", "dags", "examples")
    for path in (HOME / folder).rglob("*.py")
    if ".venvs" not in path.parts  # where somebody ran an example
]
NOTEBOOKS = [*HOME.glob("notebooks/[!s]*/*.ipynb")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_speaks_as_the_field_does(page):
    assert USED.findall(page.read_text()) == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.relative_to(HOME).as_posix())
def test_messages_and_docstrings_speak_as_the_field_does(source):
    texts = [node.value for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.Constant)]
    assert [text for text in texts if isinstance(text, str) and USED.search(text)] == []


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.relative_to(HOME).as_posix())
def test_a_notebook_speaks_as_the_field_does(notebook):
    cells = json.loads(notebook.read_text())["cells"]
    assert [cell["source"] for cell in cells if USED.search("".join(cell["source"]))] == []


def test_the_glossary_explains_words_that_pages_use():
    listed = re.findall(r"^\| ([a-z ]+) \|", text("docs/glossary.md"), re.MULTILINE)
    pages = " ".join(page.read_text().lower() for page in PAGES if page.name != "glossary.md")
    assert [word for word in listed if word != "word" and word not in pages] == []
