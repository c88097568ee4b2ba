"""Which kind of kernel a stage had is said by its record, and by the page that people read; nothing of it stays."""

import gc
from pathlib import Path

import nbformat
import pytest
from tiny_project import DS, TINY, Project, run_stage


@pytest.mark.parametrize(("warm", "start"), [("on", "forked"), ("off", "cold")])
def test_the_record_says_whether_the_kernel_was_forked(empty_project: Project, warm: str, start: str):
    environment = {**empty_project.environment, "GALLEY_WARM_KERNELS": warm}
    outcome = run_stage("generate_data/01_generate.ipynb", environment, ds=DS, **TINY)
    assert nbformat.read(outcome.notebook, as_version=4).metadata.galley.kernel["start"] == start
    assert "kernel start" in outcome.page.read_text()


def test_a_process_that_runs_one_stage_after_the_other_keeps_no_file_of_them_open(empty_project: Project):
    gc.disable()  # which would close them, at some time
    try:
        counts = []
        for _ in range(3):
            empty_project.run("generate_data/01_generate.ipynb", **TINY)
            counts.append(len(list(Path("/proc/self/fd").iterdir())))
    finally:
        gc.enable()
    assert counts[1] == counts[2]
