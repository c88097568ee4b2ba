"""A kernel of a stage is started with what holds for each, whoever wrote its kernelspec."""

import json
import os
import sys
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpec

from galley.kernels import options
from galley.kernels.kernelspec import write_kernelspec


@pytest.mark.parametrize("module", ["galley.kernels.application", "galley.kernel_application", "ipykernel_launcher"])
def test_a_kernel_of_ipython_keeps_its_history_in_memory_and_finds_its_own_python(module):
    spec = KernelSpec(argv=[sys.executable, "-m", module, "-f", "{connection_file}"])
    assert options.arguments(spec) == ["--HistoryManager.hist_file=:memory:"]
    path = options.environment(spec, {"PATH": "/usr/bin", "HOME": "/"})["PATH"].split(os.pathsep)
    assert path[0] == str(Path(sys.executable).parent)
    assert path[-1] == "/usr/bin"
    assert all(os.access(Path(path[1]) / program, os.X_OK) for program in ("pip", "pip3"))


def test_a_kernel_of_another_language_gets_nothing_that_it_does_not_know():
    spec = KernelSpec(argv=["/usr/bin/R", "--slave", "-e", "IRkernel::main()"])
    assert options.arguments(spec) == []
    assert options.environment(spec, {"PATH": "/bin"}) == {"PATH": "/bin"}


def test_a_kernelspec_says_it_to_jupyterlab_too(tmp_path):
    written = json.loads(write_kernelspec("mine", Path("/env/bin/python"), tmp_path).read_text())
    assert written["env"]["PATH"].startswith("/env/bin:")
    assert written["env"]["PATH"].endswith(":${PATH}")
