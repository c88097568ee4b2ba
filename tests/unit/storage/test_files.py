"""Files appear whole or not at all, whatever is in their place, and a digest says what they hold."""

import errno
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.storage import files
from galley.storage.lock import locked


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def make_folder(path, **contents):
    path.mkdir(parents=True)
    for name, text in contents.items():
        (path / name).write_text(text)
    return path


def test_a_file_takes_the_place_of_a_file(tmp_path):
    target = tmp_path / "new/folder/x.txt"
    for text in ("one", "two"):
        with files.replacing(target) as draft:
            draft.write_text(text)
        assert target.read_text() == text
    assert names(target.parent) == ["x.txt"]


def test_a_folder_takes_the_place_of_a_folder_with_all_its_files(tmp_path):
    target = make_folder(tmp_path / "model", old="1", both="1")
    with files.replacing(target) as draft:
        make_folder(draft, both="2", new="2")
        make_folder(draft / "deep", er="2")
    assert files.names_in(target) == ["both", "deep/er", "new"]
    assert names(tmp_path) == ["model"]


def test_a_file_takes_the_place_of_a_folder_and_the_other_way_round(tmp_path):
    target = make_folder(tmp_path / "x", old="1")
    with files.replacing(target) as draft:
        draft.write_text("file")
    assert target.read_text() == "file"
    with files.replacing(target) as draft:
        make_folder(draft, new="2")
    assert files.names_in(target) == ["new"]
    assert names(tmp_path) == ["x"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_was_there_stays_when_the_block_raises(tmp_path, error):
    target = tmp_path / "x.txt"
    target.write_text("old")
    with pytest.raises(error):
        begin_and_raise(target, error)
    assert target.read_text() == "old"
    assert names(tmp_path) == ["x.txt"]


def begin_and_raise(target, error):
    with files.replacing(target) as draft:
        draft.write_text("new")
        raise error


def test_a_block_that_writes_nothing_is_told_so_and_the_old_stays(tmp_path):
    target = tmp_path / "x.txt"
    target.write_text("old")
    nothing = pytest.raises(FileNotFoundError, match=r"Nothing was written to take the place of x\.txt")
    with nothing, files.replacing(target):
        pass
    assert target.read_text() == "old"


def test_a_name_of_the_longest_length_can_be_written(tmp_path):
    target = tmp_path / ("é" * 127)
    files.write_bytes(target, b"1")
    assert target.read_bytes() == b"1"


def test_a_reader_never_sees_a_part_of_a_file(tmp_path):
    target = tmp_path / "x.bin"
    files.write_bytes(target, b"0" * 300_000)
    assert seen_while(
        lambda: target.read_bytes(),
        lambda: [files.write_bytes(target, bytes([byte]) * 300_000) for byte in range(40)],
        is_whole=lambda content: len(content) == 300_000 and len(set(content)) == 1,
    )


def test_a_folder_is_never_missing_while_it_is_replaced(tmp_path):
    target = make_folder(tmp_path / "model", weights="0")

    def replace():
        for number in range(40):
            with files.replacing(target) as draft:
                make_folder(draft, weights=str(number))

    assert seen_while(target.is_dir, replace, is_whole=bool)


def seen_while(look, work, is_whole):
    """Whether everything that a second thread saw while this one worked was whole; it looked at least once."""
    seen = []
    done = threading.Event()

    def watch():
        while not done.is_set() or not seen:
            seen.append(is_whole(look()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    work()
    done.set()
    watcher.join()
    return all(seen)


def test_a_folder_that_is_written_anew_in_part_keeps_the_rest(tmp_path):
    folder = tmp_path / "day"
    for name in ("kept.csv", "one.csv", "other.csv"):
        files.write_bytes(folder / name, b"old")
    with files.replacing(folder) as draft:
        files.carry(folder, draft, anew=["one.csv", "other.csv"])
        for name in ("one.csv", "other.csv"):
            (draft / name).write_bytes(b"new")
        assert {path.read_bytes() for path in folder.iterdir() if path.is_file()} == {b"old"}
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "kept.csv": b"old", "one.csv": b"new", "other.csv": b"new"
    }  # fmt: skip


def test_a_digest_changes_with_content_and_with_names(tmp_path):
    folder = make_folder(tmp_path / "f", a="1", b="2")
    first = files.digest(folder)
    (folder / "a").rename(folder / "c")
    renamed = files.digest(folder)
    (folder / "c").rename(folder / "a")
    assert files.digest(folder) == first != renamed
    (folder / "b").write_text("3")
    assert files.digest(folder) not in (first, renamed)


def test_a_digest_of_named_files_is_not_changed_by_those_that_join(tmp_path):
    folder = make_folder(tmp_path / "f", a="1")
    empty = make_folder(tmp_path / "empty")
    facts = {path: (files.names_in(path), files.digest(path)) for path in (folder, empty)}
    for path, (names, digest) in facts.items():
        (path / "joined").write_text("x")
        assert files.digest(path, names) == digest


def test_json_comes_back_as_it_was_and_nan_is_refused(tmp_path):
    content = {"größe": [1, 2.5, None, "日本"], "a": {}}
    files.write_json(tmp_path / "x.json", content)
    assert files.read_json(tmp_path / "x.json") == content
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "x.json", {"a": float("nan")})
    assert files.read_json(tmp_path / "x.json") == content


def test_those_who_hold_a_lock_wait_for_each_other(tmp_path):
    target = tmp_path / "count"
    target.write_text("0")

    def count():
        for _ in range(50):
            with locked(target):
                target.write_text(str(int(target.read_text()) + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert target.read_text() == "200"


ANY_TEXT = st.text() | st.sampled_from(["..", ".", "", "../../etc/passwd", "/", "a/../b", "\0", "\ud800", "x" * 500])


@given(ANY_TEXT)
def test_a_safe_name_stays_in_its_folder_and_can_be_a_file(text):
    name = files.safe_name(text)
    assert (Path("/folder") / name).resolve().parent == Path("/folder")
    assert not name.startswith(".")
    assert len(f".{name}.try10000.html.draft12".encode()) <= 255
    assert files.safe_name(name) == name


@given(ANY_TEXT, ANY_TEXT)
def test_two_texts_never_share_a_safe_name(one, other):
    assert (files.safe_name(one) == files.safe_name(other)) == (one == other)


@pytest.mark.parametrize("name", ["01_prepare", "02_count.m7", "train-weekly", "01_prüfen", "01_日本"])
def test_a_name_that_is_safe_already_is_kept(name):
    assert files.safe_name(name) == name


def test_a_file_is_created_once_and_what_is_there_stays(tmp_path):
    target = tmp_path / "new" / "000001.json"
    assert files.create(target, b"one")
    assert not files.create(target, b"two")
    assert target.read_bytes() == b"one"
    assert list(target.parent.iterdir()) == [target]


def test_a_file_is_created_once_where_there_are_no_second_names(tmp_path, monkeypatch):
    def refused(*args):
        raise OSError(errno.EOPNOTSUPP, "no second names")

    monkeypatch.setattr(os, "link", refused)
    assert files.create(tmp_path / "x", b"one")
    assert not files.create(tmp_path / "x", b"two")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"one"]


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda path: path.symlink_to("/dev/zero"), OSError),
        (lambda path: os.mkfifo(path), ValueError),
        (lambda path: path.mkdir(), ValueError),
        (lambda path: path.write_bytes(b"x" * 11), ValueError),
        (lambda _: None, FileNotFoundError),
    ],
    ids=["link", "pipe", "folder", "large", "nothing"],
)
def test_reading_a_small_file_waits_for_nothing_and_follows_nothing(tmp_path, make, error):
    make(tmp_path / "x")
    with pytest.raises(error):
        files.read_regular(tmp_path / "x", 10)


def test_a_small_file_is_read_up_to_its_limit(tmp_path):
    (tmp_path / "x").write_bytes(b"x" * 10)
    assert files.read_regular(tmp_path / "x", 10) == b"x" * 10
