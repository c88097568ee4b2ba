"""Much of everything: output that never ends, outputs without number, attempts by the thousand."""

import re
import threading
import time

import psutil
import pytest
from desk_of_stages import DS, printed, read, text

from galley.days import Day
from galley.proof.verify import verify
from galley.run import cells
from galley.run.attempts import Attempts

MB = 1_000_000


class Watch:
    """The most memory that this process has, beyond what it had, while the block runs."""

    def __enter__(self):
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._start = self.most = psutil.Process().memory_info().rss
        self._thread.start()
        return self

    def _look(self):
        while not self._done.wait(0.02):
            self.most = max(self.most, psutil.Process().memory_info().rss)

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()
        self.grown = self.most - self._start


def test_no_output_is_lost_when_a_cell_makes_them_faster_than_they_are_taken(desk):
    outcome = desk.run("for number in range(5_000):\n    display(number)")
    assert len(read(outcome.notebook).cells[-1].outputs) == 5_000


@pytest.mark.parametrize(
    ("cell", "note"),
    [
        ("for _ in range(200):\n    print('x' * 999_999)", "characters]"),
        (
            "from IPython.display import display, HTML\nfor _ in range(40):\n    display(HTML('x' * 5_000_000))",
            "outputs]",
        ),
        ("from IPython.display import display, HTML\ndisplay(HTML('x' * 200_000_000))", "characters of text/plain"),
    ],
    ids=["printed", "displayed", "at-once"],
)
def test_200_mb_of_output_are_cut_with_a_note_and_do_not_fill_the_memory(desk, cell, note):
    desk.run("1")  # what is loaded once
    with Watch() as memory:
        outcome = desk.run(cell, "print('after')")
    assert outcome.notebook.stat().st_size < 35 * MB
    node = read(outcome.notebook)
    page = outcome.page.read_text()
    assert printed(node.cells[-1]) == "after\n"
    assert "[galley left out " in page
    assert note in page
    assert memory.grown < 1000 * MB


def test_an_error_of_20_mb_is_cut_and_both_its_ends_are_kept(desk):
    execution = desk.execution("raise ValueError('begin' + 'x' * 20_000_000)")
    with pytest.raises(Exception, match="ValueError: begin") as raised:
        execution.run()
    assert len(str(raised.value)) < 20_000
    page = execution.page.read_text()
    assert len(page) < 3 * MB
    assert "[galley left out " in page
    assert "Traceback" in page


@pytest.mark.local_runner
def test_outputs_without_number_are_cut_with_a_note(desk, monkeypatch):
    monkeypatch.setattr(cells, "CELL_LIMIT", 100_000)
    source = "from IPython.display import display\nfor _ in range(600):\n    display({'text/plain': ''}, raw=True)"
    cell = read(desk.run(source).notebook).cells[2]
    assert len(cell.outputs) < 250
    assert re.search(r"left out \d+ more outputs", printed(cell))


def test_what_is_cleared_again_does_not_count(desk):
    source = "from IPython.display import clear_output\nfor n in range(30):\n    clear_output(wait=True)\n    "
    cell = read(desk.run(source + "print(n, 'x' * 100_000)").notebook).cells[2]
    assert printed(cell) == f"29 {'x' * 100_000}\n"


def test_a_stage_states_what_it_concludes_whatever_it_printed_before(desk):
    lots = "from IPython.display import display, HTML\nfor _ in range(9):\n    display(HTML('x' * 5_000_000))\n"
    outcome = desk.run(lots + "from galley.stage import Stage\nStage(ds).conclude(rows=3)")
    assert outcome.conclusion == {"rows": 3}


def test_ten_thousand_attempts_do_not_slow_a_stage_down(desk):
    def takes(name):
        times = []
        for _ in range(3):
            began = time.process_time()
            desk.run("1", name=name)
            times.append(time.process_time() - began)
        return min(times)

    few = takes("01_few")
    many = Attempts(desk.reports, "02_many")
    desk.run("1", name="02_many")
    content = many.path(1).read_bytes()
    for number in range(2, 10_001):
        many.path(number).write_bytes(content)
    assert takes("02_many") < 3 * few + 0.5
    assert many.numbers()[-1] == 10_003


def test_names_and_contents_in_any_alphabet(desk):
    name = "01_größe-日本-\N{PARTY POPPER}"
    source = "# größe\nprint('größe 日本 \\N{PARTY POPPER}', '\\x00', '\\u202e')"
    outcome = desk.run(text("# Größe 日本 <b>&amp;</b>"), text("## zwei"), source, name=name, title="Größe · 日本")
    page = outcome.page.read_text()
    assert "größe 日本 \N{PARTY POPPER}" in page
    assert "<h1>Größe · 日本</h1>" in page
    assert outcome.notebook.name.startswith("01_größe-日本-")
    assert verify(Day.of(DS, desk.settings)) == []
    assert [match.name for match in desk.reports.glob("*.ipynb")] == [outcome.notebook.name]
