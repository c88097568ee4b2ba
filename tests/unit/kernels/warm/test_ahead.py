"""Servers that are started ahead: the first kernel is forked from one that was there before it."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pytest
from conftest import servers
from jupyter_client.kernelspec import KernelSpecManager

from galley.kernels import options


@pytest.fixture
def ahead(folder, tmp_path, monkeypatch):
    """Start them as Airflow's executor does, for a project whose notebooks name these kernels; what was said."""
    (tmp_path / "galley.toml").touch()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setenv("GALLEY_HOME", str(tmp_path))

    def start(*names):
        for name in names:
            metadata = {"kernelspec": {"name": name, "display_name": name}}
            nbformat.write(nbformat.v4.new_notebook(metadata=metadata), tmp_path / "notebooks" / f"{name}.ipynb")
        command = [sys.executable, "-m", "galley.kernels.warm.ahead"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stderr

    return start


def test_the_first_kernel_is_forked_from_the_server_that_was_started_ahead(ahead, spec, start, folder):
    name = spec("early", "json.tool")
    spec("nowhere", "json.scanner")
    before = set(servers(folder))
    ahead(name)
    started = set(servers(folder)) - before
    assert len(started) == 1
    spec_of_it = KernelSpecManager().get_kernel_spec(name)
    kernel = start(name, env=options.environment(spec_of_it, os.environ))  # as a stage's kernel has it
    there = set(servers(folder))
    assert kernel.is_forked
    assert psutil.Process(kernel.process.pid).parent() in started
    assert psutil.Process(kernel.process.pid).nice() == os.nice(0)
    group = Path(f"/proc/{kernel.process.pid}/autogroup")
    assert not group.exists() or group.read_text().split()[-1] == "0"
    ahead()
    assert set(servers(folder)) == there


def test_a_server_that_does_not_start_is_logged_and_stops_nobody(ahead, spec, folder):
    spec("broken", "no_such_module_of_anybody")
    assert "broken is not started ahead" in ahead("broken", "missing")
    assert not list(folder.rglob("*.failed"))  # the first kernel tries it again


def test_nothing_is_started_where_warm_kernels_are_off(ahead, spec, folder, monkeypatch):
    monkeypatch.setenv("GALLEY_WARM_KERNELS", "off")
    spec("unwanted", "json.decoder")
    before = set(servers(folder))
    assert ahead("unwanted") == ""
    assert set(servers(folder)) == before
