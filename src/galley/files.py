"""Files that appear whole or not at all, and their digests."""

import ctypes
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


def digest(path: Path, names: Iterable[str] | None = None) -> str:
    """The SHA-256 of a file, or of a folder: of its files' relative names and digests, sorted.

    `names` limits a folder to those of its files, so that a file which joins them later changes nothing.
    """
    if path.is_dir():
        listing = "".join(f"{name}\0{digest(path / name)}\n" for name in sorted(names or names_in(path)))
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
    scratch = Path(tempfile.mkdtemp(prefix=f".{target.name[:64]}.", dir=target.parent))
    try:
        draft = scratch / target.name
        yield draft
        for path in [*_files_of(draft), draft] if draft.is_dir() else [draft]:
            _flush(path)
        if draft.is_dir() and target.exists():
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
