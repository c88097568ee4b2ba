"""Kernelspecs: what warm kernels import beforehand can be imported where they start."""

import json
import subprocess
from pathlib import Path

import pytest

KERNELS = Path(__file__).parents[3] / ".venvs" / "jupyter" / "kernels"


@pytest.mark.parametrize("name", ["data", "workbench"])
def test_each_kernel_can_import_all_that_it_is_to_import_beforehand(name):
    spec = json.loads((KERNELS / name / "kernel.json").read_text())
    modules = spec["metadata"]["kernel_provisioner"]["config"]["modules"]
    assert "galley.stage" in modules
    code = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
    subprocess.run([spec["argv"][0], "-c", code, *modules], check=True)
