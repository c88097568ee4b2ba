"""What a process with the code of DAGs and stages imports, and what it leaves until somebody asks for it."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["galley.run.runner", "galley.airflow.notebook"])
def test_the_library_of_googles_storage_is_imported_when_papermill_is_asked_for_it_and_not_before(module):
    says = f"import sys, {module}, papermill.iorw as its; before = 'gcsfs' in sys.modules"
    asks = "of = type(its.GCSFileSystem(token='anon')).__module__; print(before, of, its.gs_is_retriable(OSError()))"
    done = subprocess.run([sys.executable, "-c", f"{says}; {asks}"], capture_output=True, text=True, check=True)
    before, of, retriable = done.stdout.splitlines()[-1].split()
    assert (before, of.partition(".")[0], retriable) == ("False", "gcsfs", "False")
