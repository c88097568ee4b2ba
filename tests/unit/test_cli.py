"""The command: each verb shows an example in its help, says its release, and names what an environment lacks."""

import argparse
import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from galley import __version__
from galley.cli import _parser, main

MAKEFILE = (Path(__file__).parents[2] / "Makefile").read_text()


def verbs(parser, words=("galley",)):
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for action in below:
        for name, command in action.choices.items():
            yield from verbs(command, (*words, name))
    if not below:
        yield " ".join(words), parser


@pytest.mark.parametrize("verb", dict(verbs(_parser())))
def test_a_verb_shows_an_example_that_it_takes(verb):
    example = dict(verbs(_parser()))[verb].epilog
    words = example[example.index("galley ") :].partition("<")[0].split()
    assert words[: len(verb.split())] == verb.split()
    _parser().parse_args(words[1:])


def test_the_makefile_calls_the_commands_for_what_they_do():
    recipes = re.findall(r"^\t.*bin/galley ([a-z ]+)|^\t.*\$\(GALLEY\) (\w+)", MAKEFILE, re.MULTILINE)
    called = {" ".join("".join(words).split()[:2]) for words in recipes}
    assert called == {"run", "up", "lab", "check", "kernel install"}
    assert "-m galley.cli" not in MAKEFILE


def test_it_says_its_release():
    done = subprocess.run([sys.executable, "-m", "galley.cli", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"airflow-galley {__version__}\n"


def test_a_command_that_runs_a_stage_compiles_no_grammar_that_only_iris_need(tmp_path):
    asked = ["execute", "nowhere.ipynb", "--ds", "2026-11-23"]
    code = (
        f"import sys; from galley.cli import main; main({asked}); print(*({{'nbformat', 'lark'}} & {{*sys.modules}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["nbformat"], done.stderr


@pytest.mark.skipif(not find_spec("ipykernel"), reason="there is no kernel to be installed")
def test_a_kernel_of_this_environment_is_installed_where_it_is_told(tmp_path, capsys):
    assert main(["kernel", "install", "mine", "--to", str(tmp_path)]) == 0
    spec = json.loads((tmp_path / "kernels/mine/kernel.json").read_text())
    assert (spec["argv"][0], spec["display_name"]) == (sys.executable, "galley mine")
    assert str(tmp_path) in capsys.readouterr().out


@pytest.mark.skipif(bool(find_spec("airflow")), reason="there is an Airflow")
@pytest.mark.parametrize("verb", ["run", "up", "lab"])
def test_where_there_is_no_airflow_a_verb_says_what_to_install(verb, capsys):
    assert main([verb]) == 1
    said = capsys.readouterr().err
    assert f"no Airflow in the environment of {sys.executable}" in said
    assert "pip install 'airflow-galley[local]'" in said


def test_a_kernel_without_ipykernel_says_what_to_install(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("galley.cli.find_spec", lambda _: None)
    assert main(["kernel", "install", "mine", "--to", str(tmp_path)]) == 1
    assert "pip install 'airflow-galley[kernel]'" in capsys.readouterr().err
    assert list(Path(tmp_path).iterdir()) == []
