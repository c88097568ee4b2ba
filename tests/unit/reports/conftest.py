"""Outputs as stages leave them: executed notebooks with their records, written as a run writes them."""

import nbformat
import pytest

from galley.reports import listing
from galley.reports.index import Index
from galley.run.attempts import Attempts
from galley.storage import files


class Outputs:
    """A folder of outputs that tests fill."""

    def __init__(self, folder):
        self.folder = folder
        self.index = Index(folder)

    def run(self, ds, dag_id, name, state="completed", printed="", conclusion=None, **asked):
        """Keep one more attempt of a stage, and accept it if it completed."""
        cells = [nbformat.v4.new_code_cell("print()", outputs=[nbformat.v4.new_output("stream", text=printed)])]
        node = nbformat.v4.new_notebook(cells=cells)
        kept = Attempts(self.folder / ds / dag_id, name)
        run = {
            "dag_id": dag_id,
            "run_id": f"run__{ds}",
            "task_id": name[3:],
            "map_index": -1,
            "try_number": 1,
            "ds": ds,
        }
        node.metadata.galley = {
            "end": {"state": state, "message": "" if state == "completed" else "it broke", "cell": None},
            "run": run,
            "parameters": {"ds": ds, **asked},
            "conclusion": conclusion,
            "started": f"{ds}T00:00:00.000+00:00",
            "seconds": 1.5,
        }
        with kept.exclusive():
            number = kept.begin(node)
            node.metadata.galley.record_sha256 = f"{name} {number}"
            kept.save(number, node)
            if state != "running":
                kept.save_page(number, "<title>page</title>")
            if state == "completed":
                kept.publish(number)
        return kept.path(number)

    def conclude(self, ds, dag_id, **stages):
        """What the DAG's accepted stages concluded on a day."""
        files.write_json(self.folder / ds / dag_id / "metrics.json", stages)


@pytest.fixture
def outputs(tmp_path):
    """Outputs without a day."""
    (tmp_path / "outputs").mkdir()
    return Outputs(tmp_path / "outputs")


@pytest.fixture
def outputs_in_bucket(in_bucket):
    """The same, in a bucket."""
    return Outputs(in_bucket)


@pytest.fixture(params=["disk", "bucket"])
def outputs_anywhere(request, monkeypatch):
    """The same, once on a disk and once in a bucket, where a change is to be seen at once too."""
    monkeypatch.setattr(listing, "_FRESH", -1.0)
    return request.getfixturevalue({"disk": "outputs", "bucket": "outputs_in_bucket"}[request.param])
