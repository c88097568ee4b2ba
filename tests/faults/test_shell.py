"""What a notebook meets in its kernel: history, programs, ways out, errors of every kind, and where prints go."""

import logging
import re
import sqlite3
import threading
from pathlib import Path

import pytest
from desk_of_stages import code, end_of, printed, read, text, wait_until

from galley.errors import ContractBreach, StageFailed

pytestmark = pytest.mark.usefixtures("kind_of_kernel")

GROUP = "raise ExceptionGroup('two things', [ValueError('a'), TypeError('b')])"
BREACH_AFTER_A_GROUP = f"""
from galley.errors import ContractBreach
try:
    {GROUP}
except ExceptionGroup:
    raise ContractBreach('the rows are wrong')
"""
HANDLER = """
import sys
def show(shell, kind, error, traceback, tb_offset=None):
    print('handled:', error, file=sys.stderr)
get_ipython().set_custom_exc((ValueError,), show)
"""
BAR = """
import sys
for step in range(300):
    sys.stderr.write(f'\\rstep {step}/300')
    sys.stderr.flush()
sys.stderr.write('\\n')
sys.stderr.flush()
print('done')
"""


def cells_of(desk, attempt=1):
    return read(desk.attempts().path(attempt)).cells


OWN_BREACH = """
from galley import ContractBreach
class ChurnBreach(ContractBreach):
    pass
raise ChurnBreach('no customers')
"""


def test_an_error_below_galleys_tree_is_known_for_what_it_is(desk):
    with pytest.raises(ContractBreach, match=r"ChurnBreach: no customers \(cell \d of"):
        desk.run("import galley", OWN_BREACH)
    assert end_of(desk.attempts().path(1))["state"] == "failed"


# History


@pytest.mark.local_runner
def test_no_cell_goes_into_the_users_own_history(desk, tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    desk.run("mine = 'a line of the notebook'")
    for database in (tmp_path / "ipython").rglob("history.sqlite"):
        with sqlite3.connect(database) as connection:
            assert connection.execute("select count(*) from history").fetchone() == (0,)


@pytest.mark.local_runner
def test_a_history_that_another_process_has_locked_is_left_where_it_is(desk, tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    database = tmp_path / "ipython" / "profile_default" / "history.sqlite"
    database.parent.mkdir(parents=True)
    with sqlite3.connect(database) as connection:
        connection.execute("create table history (line)")
        connection.commit()
        connection.execute("begin exclusive")
        desk.run("x = 1")
        connection.rollback()
    assert [path.name for path in database.parent.glob("history*")] == ["history.sqlite"]


def test_a_notebook_sees_its_own_history(desk):
    outcome = desk.run("first = 1", "%history -n 3")
    assert "first = 1" in printed(read(outcome.notebook).cells[3])


# Programs


def test_python_and_pip_are_the_kernels_own(desk):
    outcome = desk.run(
        "import sys\nprint(sys.executable)",
        "!python -c 'import sys; print(sys.executable)'",
        "%%bash\npython -c 'import sys; print(sys.executable)'",
        "!pip --version",
    )
    own, *others, pip = (printed(cell).strip() for cell in read(outcome.notebook).cells[2:])
    assert others == [own, own]
    assert str(Path(own).parents[1]) in pip


# Ways out


@pytest.mark.parametrize("leaving", ["exit(1)", "quit('no rows')", "import sys\nsys.exit(3)", "exit(1)\nprint('on')"])
def test_a_cell_that_exits_with_a_code_fails_and_ends_the_notebook(desk, leaving):
    with pytest.raises(StageFailed, match=r"SystemExit: (1|no rows|3) "):
        desk.run("x = 1", leaving, "print('never')")
    cells = cells_of(desk)
    assert end_of(desk.attempts().path(1))["cell"] == 3
    assert printed(cells[3]) == ""
    assert cells[4].metadata.papermill.status == "pending"


@pytest.mark.parametrize("leaving", ["exit()", "exit", "quit"])
def test_a_cell_that_exits_without_a_code_fails_and_the_error_says_how_to_end_a_stage_well(desk, leaving):
    with pytest.raises(StageFailed, match=r"SystemExit: exit without a code .*exit\(0\)"):
        desk.run(leaving, "print('never')")
    assert cells_of(desk)[3].metadata.papermill.status == "pending"


@pytest.mark.parametrize("leaving", ["exit(0)", "quit(0)"])
def test_a_cell_that_exits_with_0_ends_the_notebook_well(desk, leaving, caplog):
    caplog.set_level(logging.INFO)
    outcome = desk.run(leaving, "print('never')")
    assert [printed(cell) for cell in read(outcome.notebook).cells[2:]] == ["", ""]
    assert read(outcome.notebook).metadata.galley.end["message"].startswith("Cell 3 ended the notebook")
    assert "cell 3 of 4 ended the notebook in" in caplog.text
    assert "failed" not in caplog.text


def test_a_name_of_ones_own_may_be_exit(desk):
    assert printed(read(desk.run("exit = 5\nprint(exit)").notebook).cells[2]) == "5\n"


# Errors


@pytest.mark.parametrize(
    ("cells", "error", "said"),
    [
        (["%no_such_magic 1"], StageFailed, r"UsageError: Line magic function `%no_such_magic` not found\."),
        (["%%no_such_magic\n1"], StageFailed, "UsageError: Cell magic `%%no_such_magic` not found"),
        (["%cd -a -b"], StageFailed, "UsageError"),
        ([GROUP], StageFailed, r"ExceptionGroup: two things \(2 sub-exceptions\)"),
        ([BREACH_AFTER_A_GROUP], ContractBreach, "the rows are wrong"),
        ([HANDLER, "raise ValueError('of mine')"], StageFailed, "ValueError: of mine"),
        ([code("1 / 0", "raises-exception"), "%no_such_magic"], StageFailed, "UsageError"),
        (["%%bash\nexit 3"], StageFailed, "CalledProcessError: Command .* returned non-zero exit status 3"),
        (["1 +"], StageFailed, "SyntaxError: invalid syntax"),
    ],
    ids=["magic", "cell-magic", "use", "group", "after-a-group", "handler", "after-another", "bash", "syntax"],
)
def test_the_error_of_a_cell_is_named_wherever_the_kernel_shows_it(desk, caplog, cells, error, said):
    with pytest.raises(error, match=said) as raised:
        desk.run(*cells)
    assert type(raised.value) is error
    failed = next(record.message for record in caplog.records if " failed:\n" in record.message)
    assert raised.value.args[0].split(": ")[-1].split(" (")[0] in failed


def test_a_traceback_does_not_look_through_all_modules_for_each_of_its_frames(desk, caplog):
    own = "import inspect, sys\nprint(inspect.getmodule(sys._getframe()).__name__)"
    with pytest.raises(StageFailed, match="RecursionError"):
        desk.run(own, "def f(n):\n    return f(n + 1)\nf(0)")
    assert printed(cells_of(desk)[2]) == "__main__\n"
    failed = next(record.message for record in caplog.records if " failed:\n" in record.message)
    assert len(failed) < 25_000
    assert "galley left out" in failed


# What it prints


def lines(caplog):
    return [record.message for record in caplog.records if record.message.startswith("cell 3: ")]


def test_what_a_cell_prints_reaches_the_log_while_it_runs(desk, caplog, tmp_path):
    caplog.set_level(logging.INFO)
    waits = f"import os, time\nprint('epoch 1', flush=True)\nwhile not os.path.exists({str(desk.home / 'go')!r}):\n"
    execution = desk.execution(f"{waits}    time.sleep(0.05)\nprint('epoch 2')")
    thread = threading.Thread(target=execution.run)
    thread.start()
    try:
        wait_until(lambda: lines(caplog) == ["cell 3: epoch 1"])
    finally:
        (desk.home / "go").touch()
        thread.join()
    assert lines(caplog) == ["cell 3: epoch 1", "cell 3: epoch 2"]


def test_a_progress_bar_is_one_line_of_the_record_the_page_and_the_log(desk, caplog):
    caplog.set_level(logging.INFO)
    outcome = desk.run(BAR)
    outputs = read(outcome.notebook).cells[2].outputs
    assert [(output.name, output.text) for output in outputs] == [("stderr", "step 299/300\n"), ("stdout", "done\n")]
    assert outcome.page.read_text().count("/300\n") == 1
    assert lines(caplog) == ["cell 3: step 299/300", "cell 3: done"]


def test_a_progress_bar_of_any_length_leaves_room_for_what_follows(desk):
    bar = "for n in range(20_000):\n    print('\\r' + f'{n:100d}', end='', flush=n % 50 == 0)\nprint('\\rthe end')"
    outputs = read(desk.run(bar).notebook).cells[2].outputs
    assert [output.text for output in outputs] == ["the end\n"]


def test_a_cell_that_prints_without_end_does_not_fill_the_log(desk, caplog):
    caplog.set_level(logging.INFO)
    desk.run("for n in range(3000):\n    print(n)\nprint('\\x1b[31mred\\x1b[0m')")
    assert len(lines(caplog)) == 1000
    assert "cell 3 prints more than 1000 lines; the report has the rest" in caplog.text
    assert "\x1b" not in "".join(lines(caplog))


# What its page takes in


def test_a_figure_is_drawn_to_be_shown_and_not_once_more(desk):
    counts = "drawn = []\ndraw = plt.Figure.draw\nplt.Figure.draw = lambda self, by: (drawn.append(by), draw(self, by))"
    outcome = desk.run(f"import matplotlib.pyplot as plt\n{counts}", "plt.plot([1, 2]);", "print(len(drawn))")
    _, shown, count = read(outcome.notebook).cells[2:]
    assert [sorted(output.data) for output in shown.outputs] == [["image/png", "text/plain"]]
    assert printed(count) == "2\n"  # to measure it, and to draw it


def test_a_styled_frame_and_the_pictures_beside_a_notebook_are_on_its_page(desk):
    frame = "import pandas as pd\npd.DataFrame({'a': [1, -2]}).style.map(lambda v: 'color: red' if v < 0 else '')"
    scripted = "HTML('<table><tr><td>0.71</td></tr></table><script>1</script>')"
    execution = desk.execution(
        "from pathlib import Path\nPath('made.png').write_bytes(Path('pic.png').read_bytes())",
        text("![a picture](pic.png)"),
        frame,
        f"from IPython.display import HTML\n{scripted}",
        'HTML(\'<img src="made.png"><iframe src="http://127.0.0.1:9/"></iframe>\')',
    )
    (desk.home / "notebooks/pic.png").write_bytes(bytes.fromhex("89504e470d0a1a0a"))
    page = execution.run().page.read_text()
    assert page.count('src="data:image/png;base64,iVBORw0KGgo="') == 2
    assert re.search(r'<td style="color:red"[^>]*>-2</td>', page)
    assert "<td>0.71</td>" in page
    assert "Left out here: a script." in page
    assert "Left out here: an embedded page." in page
