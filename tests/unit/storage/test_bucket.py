"""In a bucket too, files and folders appear whole or not at all; whoever is killed leaves the former or the new one."""

import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from upath import UPath

from galley.errors import SettingsError, StorageUnavailable
from galley.settings import Settings
from galley.storage import bucket, files


class Killed(BaseException):
    """As kill -9 of the writer: nothing after it is done."""


def make_folder(path, /, **contents):
    path.mkdir(parents=True)
    for name, text in contents.items():
        (path / name).write_text(text)


def write_folder(target, /, **contents):
    with files.replacing(target) as draft:
        make_folder(draft, **contents)


def begin_and_raise(target, error):
    with files.replacing(target) as draft:
        make_folder(draft, data="new")
        raise error


def content(folder):
    """What a reader gets."""
    here = files.local(folder)
    return {name: (here / name).read_text() for name in files.names_in(here)}


def names_of_others(folder):
    """What somebody sees who knows nothing of galley."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".next")


def die_at(monkeypatch, system, call, number):
    """Let the writer be killed at its `number`-th call of the file system's method; `ask` is that of conditions."""
    call = {"ask": "call_s3" if hasattr(system, "call_s3") else "call"}.get(call, call)
    real, calls = getattr(system, call), []

    def dying(*args, **kwargs):
        calls.append(args)
        if len(calls) == number:
            raise Killed
        return real(*args, **kwargs)

    monkeypatch.setattr(system, call, dying)


def test_a_file_takes_the_place_of_a_file(in_bucket):
    for text in (b"one", b"two"):
        files.write_bytes(in_bucket / "x.txt", text)
        assert files.read_bytes(in_bucket / "x.txt") == text
    assert names_of_others(in_bucket) == ["x.txt"]


def test_a_folder_takes_the_place_of_a_folder_with_all_its_files(in_bucket):
    folder = in_bucket / "model"
    write_folder(folder, old="1", both="1")
    with files.replacing(folder) as draft:
        make_folder(draft, both="2", new="2")
        make_folder(draft / "deep", er="2")
    assert content(folder) == {"both": "2", "deep/er": "2", "new": "2"}
    assert names_of_others(folder) == ["both", "deep", "new"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_what_was_there_stays_when_the_block_raises(in_bucket, error):
    write_folder(in_bucket / "raw", data="old")
    with pytest.raises(error):
        begin_and_raise(in_bucket / "raw", error)
    assert content(in_bucket / "raw") == {"data": "old"}


@pytest.mark.parametrize(
    ("call", "number"),
    [("put_file", 1), ("put_file", 2), ("ask", 3)],
    ids=["before the first file is aside", "before the second is", "before it counts"],
)
def test_a_writer_that_is_killed_before_it_counts_leaves_the_former_folder(in_bucket, monkeypatch, call, number):
    folder = in_bucket / "raw"
    files.write_bytes(folder / "data", b"old")
    files.write_bytes(folder / "target", b"old")
    die_at(monkeypatch, in_bucket.fs, call, number)
    with pytest.raises(Killed):
        write_folder(folder, data="new", target="new")
    assert content(folder) == {"data": "old", "target": "old"}
    assert names_of_others(folder) == ["data", "target"]


@pytest.mark.parametrize(
    ("call", "number"),
    [("cp_file", 1), ("cp_file", 2), ("rm_file", 1), ("rm_file", 2), ("rm_file", 3)],
    ids=["before the first copy", "between two", "before what is gone goes", "before it is tidied", "while it is"],
)
def test_of_a_writer_that_is_killed_later_readers_get_the_new_folder_and_writers_finish_it(
    in_bucket, monkeypatch, call, number
):
    folder = in_bucket / "raw"
    write_folder(folder, data="old", target="old", gone="old")
    die_at(monkeypatch, in_bucket.fs, call, number)
    with pytest.raises(Killed):
        write_folder(folder, data="new", target="new")
    assert content(folder) == {"data": "new", "target": "new"}
    assert files.local(folder / "data").read_text() == "new"
    files.write_bytes(folder / "metrics", b"1")
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == {
        "data": b"new",
        "target": b"new",
        "metrics": b"1",
    }


def test_what_a_killed_writer_had_stored_aside_goes_when_it_is_old(in_bucket, monkeypatch):
    folder = in_bucket / "raw"
    with monkeypatch.context() as patch:
        die_at(patch, in_bucket.fs, "put_file", 2)
        with pytest.raises(Killed):
            write_folder(folder, data="lost", target="lost")
    (left,) = folder.fs.find(f"{folder}/.next")
    write_folder(folder, data="1")
    assert folder.fs.exists(left)
    monkeypatch.setattr(bucket, "_ABANDONED", timedelta(seconds=1))
    time.sleep(2.1)
    write_folder(folder, data="2")
    assert [name.rpartition("/")[2] for name in folder.fs.find(f"{folder}/.next")] == ["mark"]
    assert content(folder) == {"data": "2"}


def test_a_reader_never_gets_a_part_while_a_folder_is_replaced_again_and_again(in_bucket):
    folder, over = in_bucket / "split", threading.Event()
    write_folder(folder, train="0", val="0")
    seen = []

    def read():
        while not over.is_set():
            seen.append(content(folder))

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(1, 25):
        write_folder(folder, train=str(number), val=str(number), **({"extra": str(number)} if number % 2 else {}))
    over.set()
    for reader in readers:
        reader.join()
    assert len(seen) > 5
    assert all(len(set(found.values())) == 1 for found in seen), "of two writes"
    assert all(("extra" in found) == bool(int(found["train"]) % 2) for found in seen), "not all of one write"


def test_of_two_writers_the_folder_is_one_of_theirs(in_bucket):
    writers = [
        threading.Thread(target=write_folder, args=(in_bucket / "raw",), kwargs={"data": text, text: text})
        for text in "abcd"
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = content(in_bucket / "raw")
    assert found == {"data": found["data"], found["data"]: found["data"]}


def test_what_has_not_changed_is_not_fetched_again(in_bucket):
    files.write_bytes(in_bucket / "x", b"1")
    first = files.local(in_bucket / "x")
    assert files.local(in_bucket / "x") == first
    files.write_bytes(in_bucket / "x", b"2")
    assert files.local(in_bucket / "x").read_bytes() == b"2"


def test_a_digest_is_the_same_as_on_a_disk(in_bucket, tmp_path):
    make_folder(tmp_path / "model", MLmodel="x", weights="y")
    write_folder(in_bucket / "model", MLmodel="x", weights="y")
    assert files.digest(in_bucket / "model") == files.digest(tmp_path / "model")
    assert files.size(in_bucket / "model") == 2


def test_what_is_not_there_is_said_by_name(in_bucket):
    with pytest.raises(FileNotFoundError, match="nothing/here"):
        files.local(in_bucket / "nothing" / "here")
    with pytest.raises(FileNotFoundError, match=r"metrics\.json"):
        files.read_json(in_bucket / "metrics.json")


def test_a_store_that_does_not_answer_is_worth_another_try():
    away = UPath("s3://away/folder", endpoint_url="http://127.0.0.1:9", config_kwargs={"retries": {"max_attempts": 1}})
    with pytest.raises(StorageUnavailable, match="AWS_ENDPOINT_URL"):
        files.local(away / "x")


def test_so_is_one_of_googles(monkeypatch):
    import gcsfs.retry

    real = gcsfs.retry.asyncio.sleep
    monkeypatch.setattr(gcsfs.retry.asyncio, "sleep", lambda _: real(0))  # it waits for half a minute in all
    away = UPath("gs://away/folder", endpoint_url="http://127.0.0.1:9", token="anon")  # noqa: S106 - nobody
    with pytest.raises(StorageUnavailable, match="GOOGLE_APPLICATION_CREDENTIALS"):
        files.local(away / "x")


@pytest.mark.parametrize("value", ["az://bucket/x", "s3://", "gs:///", "http://somewhere/x"])
def test_a_root_that_is_neither_a_folder_nor_in_a_bucket_is_refused(value, tmp_path):
    with pytest.raises(SettingsError, match="s3://bucket/folder or gs://bucket/folder"):
        Settings.from_environment({"GALLEY_HOME": str(tmp_path), "GALLEY_OUTPUTS": value})


@pytest.mark.parametrize("kind", ["s3", "gs"])
def test_data_in_a_bucket_want_a_server_of_mlflow(tmp_path, kind):
    with pytest.raises(SettingsError, match="MLFLOW_TRACKING_URI"):
        Settings.from_environment({"GALLEY_HOME": str(tmp_path), "GALLEY_DATA": f"{kind}://galley/data"})


@pytest.mark.parametrize("url", ["az://galley/data", "gs://"])
def test_what_names_no_bucket_is_refused(url, tmp_path):
    (tmp_path / "galley.toml").write_text(f'[project]\ndata = "{url}"\n')
    with pytest.raises(SettingsError, match=f"{url} names no bucket .* s3://bucket/folder or gs://bucket/folder"):
        Settings.from_environment({"GALLEY_HOME": str(tmp_path)})


def test_the_extra_of_a_store_whose_library_is_missing_is_named(monkeypatch):
    monkeypatch.setattr(bucket, "find_spec", lambda name: None if name == "gcsfs" else name)
    with pytest.raises(SettingsError, match=r"gcsfs is not installed here. Install airflow-galley\[gcs\]"):
        bucket.place("gs://galley/data")


def test_google_is_asked_without_grpc_also_where_papermill_has_imported_its_library():
    code = """
import os, sys
os.environ.pop("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", None)
import papermill.iorw
assert "gcsfs.extended_gcsfs" in sys.modules  # the class that asks by gRPC
from galley.storage.files import path_of
path_of("gs://galley/folder")
from fsspec import get_filesystem_class
print(*(get_filesystem_class(scheme).__module__ for scheme in ("gs", "gcs")))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["gcsfs.core"] * 2
