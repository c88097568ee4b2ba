"""What is opened beneath a folder is in it, however fast somebody swaps files for links meanwhile."""

import ctypes
import errno
import os
import threading
from pathlib import Path

import pytest

from galley.storage import beneath
from galley.storage.beneath import open_beneath


@pytest.fixture(params=["openat2", "walking"])
def way(request, monkeypatch):
    """Opens by one call of the kernel, and as where it does not have it."""

    def refused(*args):
        raise OSError(errno.ENOSYS, "no such call")

    if request.param == "walking":
        monkeypatch.setattr(beneath, "_openat2", refused)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "outputs/day/dag").mkdir(parents=True)
    (tmp_path / "outputs/day/dag/a.html").write_bytes(b"page")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/a.html").write_bytes(b"secret")
    return tmp_path / "outputs"


def test_a_file_is_opened_also_where_the_folder_itself_is_behind_a_link(way, folder, tmp_path):
    (tmp_path / "link").symlink_to(folder)
    for root in (folder, tmp_path / "link"):
        with open_beneath(root, "day/dag/a.html") as stream:
            assert stream.read() == b"page"


@pytest.mark.parametrize("linked", ["day", "day/dag", "day/dag/a.html"])
@pytest.mark.parametrize("target", ["inside", "outside"])
def test_no_link_on_the_way_is_followed(way, folder, tmp_path, linked, target):
    real = tmp_path / "elsewhere" / linked if target == "outside" else folder / "elsewhere" / linked
    real.parent.mkdir(parents=True)
    (folder / linked).rename(real)
    (folder / linked).symlink_to(real)
    assert (folder / "day/dag/a.html").read_bytes() == b"page"
    with pytest.raises(OSError, match=r"day/dag/a\.html|day|dag|a\.html"):
        open_beneath(folder, "day/dag/a.html")


@pytest.mark.parametrize("name", ["../secret/a.html", "/etc/passwd", "day/../../secret/a.html", "", "day//dag", "a\0"])
def test_no_name_leads_out(way, folder, name):
    with pytest.raises(ValueError, match="not a path"):
        open_beneath(folder, name)


def test_what_is_no_file_is_not_waited_for(way, folder):
    os.mkfifo(folder / "day/pipe")
    for name in ("day/pipe", "day/dag"):
        with pytest.raises(ValueError, match="not a regular file"):
            open_beneath(folder, name)
    with pytest.raises(FileNotFoundError):
        open_beneath(folder, "day/nothing")


def test_nothing_is_left_open(way, folder):
    (folder / "day/link").symlink_to(folder)
    before = len(list(Path("/proc/self/fd").iterdir()))
    for name in ("day/dag", "day/nothing", "day/link/x", "nothing/x"):
        with pytest.raises((OSError, ValueError)):
            open_beneath(folder, name)
    open_beneath(folder, "day/dag/a.html").close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize("swapped", ["a.html", "../dag"])
def test_no_secret_is_read_while_a_page_and_a_link_change_places(way, folder, swapped):
    """As whoever writes to outputs does it: renameat2 exchanges both in one step, again and again."""
    page = folder / "day" / ("dag" if swapped == "../dag" else "dag/a.html")
    link = page.with_name("link")
    link.symlink_to(folder.parent / "secret" / ("" if swapped == "../dag" else "a.html"))
    libc, over = ctypes.CDLL(None), threading.Event()

    def swap():
        while not over.is_set():
            libc.renameat2(-100, os.fsencode(page), -100, os.fsencode(link), 2)

    swapper = threading.Thread(target=swap)
    swapper.start()
    seen = []
    try:
        while (seen.count("refused") < 50 or seen.count(b"page") < 50) and len(seen) < 20_000:
            try:
                with open_beneath(folder, "day/dag/a.html") as stream:
                    seen.append(stream.read())
            except OSError:
                seen.append("refused")
    finally:
        over.set()
        swapper.join()
    assert set(seen) == {"refused", b"page"}
