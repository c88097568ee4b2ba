"""A day with accepted runs of a DAG. The first stage read a file, and wrote a file and a model's folder."""

import json
from types import SimpleNamespace

import nbformat

from galley.days import Day
from galley.notebooks.parameters import Notebook
from galley.notebooks.render import render
from galley.proof.verify import verify
from galley.run import provenance, published
from galley.run.attempts import COMPLETED, Attempts
from galley.settings import relative_name
from galley.stage import MIME_TYPE
from galley.storage import files

CONCLUDED = {"rows": 1, "größe": "日本"}


class AcceptedDay:
    def __init__(self, settings, dag_id="dag"):
        self.day = Day.of("2026-11-23", settings)
        self.dag_id = dag_id
        self.reports = self.day.reports(dag_id)
        self.raw = self.day.raw / "data.csv"
        self.table = self.day.processed / "train.csv"
        self.model = self.day.models
        self.metrics = self.reports / "metrics.json"
        files.write_bytes(self.raw, b"a\n1\n")
        files.write_bytes(self.table, b"a\n1\n")
        files.write_bytes(self.model / "MLmodel", b"m")

    def accept(self, name, version=published.SINCE):
        """Has a run of the stage accepted, as galley.run.execute does; returns its files."""
        settings, attempts = self.day.settings, Attempts(self.reports, name)
        source = settings.notebooks / self.dag_id / f"{name}.ipynb"
        files.write_bytes(source, nbformat.writes(nbformat.v4.new_notebook()).encode())
        facts = [("input", self.raw), ("output", self.table), ("output", self.model)]
        outputs = [
            nbformat.v4.new_output("display_data", data={MIME_TYPE: fact(*f, settings), "text/plain": "x"})
            for f in facts
        ]
        concluded = {"kind": "conclusion", "values": CONCLUDED}
        outputs.append(nbformat.v4.new_output("display_data", data={MIME_TYPE: concluded, "text/plain": "rows = 1"}))
        cell = nbformat.v4.new_code_cell("1", outputs=outputs, metadata={"trusted": True})
        node = nbformat.v4.new_notebook(cells=[cell], metadata={"orig_nbformat": 2, "signature": "x"})
        node.metadata.galley = {
            "version": version,
            "end": {"state": COMPLETED, "message": ""},
            "parameters": {"depth": {1: "a", 10: "b", 2: "c"}},
            **provenance.known_before(Notebook.load(source), settings),
            **provenance.stated(node),
        }
        node.metadata.galley.record_sha256 = provenance.record_digest(node)
        with attempts.exclusive():
            number = attempts.begin(node)
            attempts.save_page(number, render(node, "stage"))
            notebook = attempts.publish(number)
        known = files.read_json(self.metrics) if self.metrics.is_file() else {}
        files.write_json(self.metrics, {**known, name.partition("_")[2]: CONCLUDED})
        return SimpleNamespace(
            source=source,
            notebook=notebook,
            page=notebook.with_suffix(".html"),
            digests=notebook.with_suffix(".sha256"),
            attempt=attempts.path(number),
        )

    def verified(self):
        """What is found, by the last part of the file's name, without the notebook that knows better."""
        return [(each.name.rpartition("/")[2], each.problem.partition(" (")[0]) for each in verify(self.day)]


def rewrite(notebook, change):
    """Changes the JSON of an accepted notebook, and not that of the attempt, which is the same file."""
    content = json.loads(notebook.read_text())
    change(content)
    notebook.unlink()
    notebook.write_text(json.dumps(content))


def fact(kind, path, settings):
    names = {"files": files.names_in(path)} if path.is_dir() else {}
    name = relative_name(path, settings)
    return {"kind": kind, "path": name, "sha256": files.digest(path), "bytes": files.size(path), **names}
