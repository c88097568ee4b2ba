"""What one stage hands to the next is never mixed: one writer to a day's folder, and no input that nobody recorded."""

import threading
from contextlib import suppress

import pytest
from desk_of_stages import DS, wait_until

from galley.days import Day
from galley.errors import ContractBreach, StageBusy
from galley.proof.verify import verify
from galley.storage.files import names_in
from galley.testing import stage_process

pytestmark = pytest.mark.local_runner

BEGINS = "from galley.stage import Stage\nfrom galley.storage import files\nimport time\nstage = Stage(ds)"
PREPARES = """
with stage.write(stage.day.processed / 'train_data.csv') as path:
    path.write_text('{0}')
    time.sleep({1})
"""
SPLITS = """
rows = stage.read(stage.day.processed / 'train_data.csv').read_text()
(stage.settings.data / 'has_read').touch()
while {1} and not (stage.settings.data / 'go').exists():
    time.sleep(0.05)
with stage.write(stage.day.processed) as folder:
    files.carry(stage.day.processed, folder, anew=['train.csv'])
    (folder / 'train.csv').write_text(rows)
    time.sleep({2})
"""
TRAINS = "rows = stage.read(stage.day.processed / 'train.csv').read_text()\nstage.conclude(rows=rows)"


@pytest.fixture
def prepare(desk):
    return lambda rows="v1", takes=0: desk.execution(BEGINS, PREPARES.format(rows, takes), name="01_prepare")


@pytest.fixture
def split(desk):
    return lambda waits=False, within=0: desk.execution(BEGINS, SPLITS.format("", waits, within), name="02_split")


@pytest.fixture
def train(desk):
    return lambda: desk.execution(BEGINS, TRAINS, name="03_train")


def meanwhile(execution):
    def run():
        with suppress(StageBusy):
            execution.run()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def day(desk):
    return Day.of(DS, desk.settings)


def is_busy(desk):
    """Whether some stage is within its block that writes."""
    return any(day(desk).processed.parent.glob(".part.*/*"))


def test_stages_in_order_hand_over_what_they_wrote(desk, prepare, split, train):
    for stage in (prepare, split, train):
        outcome = stage().run()
    assert outcome.conclusion == {"rows": "v1"}
    assert verify(day(desk)) == []
    assert names_in(day(desk).processed) == ["train.csv", "train_data.csv"]


def test_a_split_never_puts_back_rows_that_were_prepared_again_meanwhile(desk, prepare, split, train):
    prepare().run()
    thread = meanwhile(split(within=2))
    wait_until(lambda: is_busy(desk))
    prepare("v2").run()  # waits for the split
    thread.join()
    assert (day(desk).processed / "train_data.csv").read_text() == "v2"
    with pytest.raises(ContractBreach, match=r"was made by 02_split of a data/\S*/train_data.csv that 01_prepare"):
        train().run()
    split().run()
    assert train().run().conclusion == {"rows": "v2"}
    assert verify(day(desk)) == []


def test_a_split_of_rows_that_were_prepared_again_before_it_wrote_is_tried_again(desk, prepare, split):
    prepare().run()
    failed = []

    def fails():
        with pytest.raises(StageBusy, match=r"train_data\.csv was written again since this stage read it"):
            split(waits=True).run()
        failed.append(True)

    thread = threading.Thread(target=fails)
    thread.start()
    wait_until(lambda: has_read(desk))
    prepare("v2").run()
    (desk.settings.data / "go").touch()
    thread.join()
    assert failed
    split().run()
    assert (day(desk).processed / "train.csv").read_text() == "v2"


def has_read(desk):
    return (desk.settings.data / "has_read").exists()


def test_the_scratch_of_a_file_outlives_its_folder(desk, prepare, split):
    prepare().run()
    split().run()
    thread = meanwhile(prepare("v2", takes=2))
    wait_until(lambda: is_busy(desk))
    split_again = meanwhile(split())
    thread.join()
    split_again.join()
    assert (day(desk).processed / "train_data.csv").read_text() == "v2"


def test_what_somebody_has_changed_is_refused(desk, prepare, split, train):
    prepare().run()
    split().run()
    (day(desk).processed / "train.csv").write_text("other")
    with pytest.raises(ContractBreach, match=r"is not what 02_split recorded.*Run 02_split again") as raised:
        train().run()
    assert f"data/processed/{DS}/train.csv" in str(raised.value)
    split().run()
    train().run()


def test_a_writer_that_was_killed_leaves_no_copy_and_no_lock(desk, prepare):
    process = stage_process.start(
        desk.asked(desk.write(BEGINS, PREPARES.format("x", 60), name="01_prepare")), desk.settings
    )
    wait_until(lambda: is_busy(desk))
    process.kill()
    process.join()
    wait_until(lambda: not desk.kernels())
    assert is_busy(desk)
    prepare("v2").run()
    assert not is_busy(desk)
    assert (day(desk).processed / "train_data.csv").read_text() == "v2"


def test_a_publisher_that_was_killed_leaves_no_copy(desk):
    desk.run("1")
    left = desk.reports / ".part.01_stage.ipynb.abcdefgh"
    others = [desk.reports / name for name in (".part.01_stage.m1.ipynb.abcdefgh", ".part.02_other.ipynb.abcdefgh")]
    for folder in (left, *others):
        folder.mkdir()
    desk.run("1")
    assert not left.exists()
    assert all(folder.exists() for folder in others)
