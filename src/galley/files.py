"""Files that appear whole or not at all, and their digests."""

import ctypes
import errno
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_UNSAFE = re.compile(r"[^\w.+-]|^\.+")
_LONGEST_NAME = 120
"""Bytes of a name, of the 255 that file systems take: what is made beside it has longer ones."""


def safe_name(text: str) -> str:
    """The text as one file name: nothing in it can lead out of a folder, and no two texts share one.

    What had to be changed or cut carries a digest of the whole.
    """
    safe = _UNSAFE.sub("_", text)
    if safe == text and 0 < len(text.encode()) <= _LONGEST_NAME:
        return text
    mark = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
    cut = safe.encode(errors="ignore")[: _LONGEST_NAME - 9].decode(errors="ignore")
    return f"{cut}-{mark}"


def digest(path: Path, names: Iterable[str] | None = None) -> str:
    """The SHA-256 of a file, or of a folder: of its files' relative names and digests, sorted.

    `names` limits a folder to those of its files, so that a file which joins them later changes nothing.
    """
    if path.is_dir():
        listing = "".join(
            f"{name}\0{digest(path / name)}\n" for name in sorted(names_in(path) if names is None else names)
        )
        return hashlib.sha256(listing.encode()).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def names_in(folder: Path) -> list[str]:
    """The relative names of all files in a folder, sorted."""
    return sorted(str(file.relative_to(folder)) for file in _files_of(folder))


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    return sum(file.stat().st_size for file in _files_of(path)) if path.is_dir() else path.stat().st_size


def _files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A temporary path beside `target` that takes its place when the block ends, and is gone when it raises.

    What the block leaves there, a file or a folder, is on the disk before it is renamed, so that readers see
    the former content or the new one and never a part. A folder replaces a folder in one step.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".part.", dir=target.parent))  # the target's own name may be long already
    try:
        draft = scratch / target.name
        yield draft
        if not draft.exists():
            raise FileNotFoundError(errno.ENOENT, f"Nothing was written to take the place of {target.name}", str(draft))
        for path in [*draft.rglob("*"), draft] if draft.is_dir() else [draft]:
            _flush(path)
        if target.is_dir() or (draft.is_dir() and target.exists()):
            _exchange(draft, target)
        else:
            draft.rename(target)
        _flush(target.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Wait for, and hold, the right to read `target` and write it anew."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f".{target.name}.lock").open("a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def link(source: Path, target: Path) -> None:
    """A second name for a file; a copy where the file system has no such thing."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            raise
        shutil.copyfile(source, target)


def carry(folder: Path, draft: Path, anew: Iterable[str]) -> None:
    """Begin a draft of a folder with the files that it has, but for those that are to be written anew."""
    draft.mkdir()
    written = set(anew)  # these must not be linked: what is written to a second name is written to the first
    for path in folder.iterdir():
        if path.is_file() and path.name not in written:
            link(path, draft / path.name)


def write_bytes(target: Path, content: bytes) -> None:
    """Write a file in one step."""
    with replacing(target) as draft:
        draft.write_bytes(content)


def write_json(target: Path, content: Any) -> None:
    """Write JSON in one step: sorted, indented, UTF-8. NaN is refused with ValueError: it is no JSON."""
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_bytes(target, text.encode() + b"\n")


def read_json(path: Path) -> Any:
    """What `write_json` wrote."""
    return json.loads(path.read_bytes())


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(one: Path, other: Path) -> None:
    """Swap two paths in one step: rename(2) alone cannot replace a folder that is not empty."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(other))
