"""Small notebooks and projects in temporary folders, for the tests of galley's core."""

from datetime import date

import nbformat
import pytest

from galley.settings import Settings

KERNELSPEC = {"name": "data", "display_name": "galley data", "language": "python"}


@pytest.fixture
def settings(tmp_path):
    """Settings of a project that has nothing yet."""
    return Settings.from_environment({"GALLEY_HOME": str(tmp_path / "home")})


@pytest.fixture
def write_notebook(tmp_path):
    """Writes a notebook whose first cells are tagged `parameters`, and returns its path."""

    def write(*tagged, name="01_stage", kernelspec=KERNELSPEC):
        cells = [nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]}) for source in tagged]
        path = tmp_path / f"{name}.ipynb"
        nbformat.write(
            nbformat.v4.new_notebook(
                cells=[*cells, nbformat.v4.new_code_cell("print(1)")], metadata={"kernelspec": kernelspec}
            ),
            path,
        )
        return path

    return write


@pytest.fixture
def batch():
    """A small day of made-up flights, with their targets."""
    from flights import synthetic

    return synthetic.generate(date(2026, 11, 23), rows=300, late_share=0.3)


@pytest.fixture
def data(batch):
    """Its flights, as agreed."""
    from flights.contract import DATA

    return DATA.check(batch.data, "data.csv")


@pytest.fixture
def late(batch):
    """Its targets, as agreed."""
    from flights.contract import LABELS

    return LABELS.check(batch.target, "target.csv")["late"]
