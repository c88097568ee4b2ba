"""Files that appear whole or not at all, on a disk or in a bucket, and their digests."""

import ctypes
import errno
import glob
import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galley.storage import bucket
from galley.storage.stores import is_url

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from typing_extensions import TypeIs

    from galley.storage.bucket import BucketPath

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2
_UNSAFE = re.compile(r"[^\w.+-]|^\.+")
_RANDOM = 8
"""Characters that tempfile ends a name with."""
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


def path_of(text: str) -> Path:
    """The path that a text names: of this machine, or in a bucket, as s3://bucket/folder or gs://bucket/folder."""
    return bucket.place(text) if is_url(text) else Path(text)


def is_remote(path: Path) -> "TypeIs[BucketPath]":
    """Whether it is in a bucket."""
    return hasattr(path, "fs")


def local(path: Path) -> Path:
    """The file or folder on this machine, to be read and not written to: itself, or a copy that ends with the process.

    Raises FileNotFoundError for what is not in the bucket.
    """
    return bucket.fetch(path) if is_remote(path) else path


def is_file_up_to(path: Path, limit: int) -> bool:
    """Whether it is a file, and not a device or a pipe, that has so many bytes at most. Raises OSError, ValueError."""
    return path.is_file() and path.stat().st_size <= limit


def digest(path: Path, names: Iterable[str] | None = None) -> str:
    """The SHA-256 of a file, or of a folder: of its files' relative names and digests, sorted.

    `names` limits a folder to those of its files, so that a file which joins them later changes nothing.
    """
    path = local(path)
    if path.is_dir():
        return digest_of({name: digest(path / name) for name in (names_in(path) if names is None else names)})
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of(digests: Mapping[str, str]) -> str:
    """The digest of a folder, of whose files these are."""
    listing = "".join(f"{name}\0{digests[name]}\n" for name in sorted(digests))
    return hashlib.sha256(listing.encode()).hexdigest()


def names_in(folder: Path) -> list[str]:
    """The relative names of all files in a folder, sorted."""
    here = local(folder)
    return sorted(str(file.relative_to(here)) for file in _files_of(here))


def size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    path = local(path)
    return sum(file.stat().st_size for file in _files_of(path)) if path.is_dir() else path.stat().st_size


def _files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def listed(folder: Path) -> list[str]:
    """The names of what is in a folder; none if it is not there."""
    if is_remote(folder):
        return [name for name in bucket.names(folder) if "/" not in name]
    try:
        return [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return []


@contextmanager
def replacing(target: Path, aside: Path | None = None) -> Iterator[Path]:
    """A temporary path of this machine that takes the place of `target` when the block ends; if it raises, it is gone.

    Readers see the former content or the new one and never a part, of a file and of a folder. On a disk the temporary
    path is beside the target, or beside `aside`, a folder around it that may be replaced meanwhile.
    """
    with bucket.replacing(target) if is_remote(target) else _renaming(target, aside or target) as draft:
        yield draft


@contextmanager
def _renaming(target: Path, beside: Path) -> Iterator[Path]:
    """What the block leaves, a file or a folder, is on the disk before it is renamed."""
    beside.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=_part(beside), dir=beside.parent))
    try:
        draft = scratch / target.name
        yield draft
        if not draft.exists():
            raise FileNotFoundError(errno.ENOENT, f"Nothing was written to take the place of {target.name}", str(draft))
        for path in [*draft.rglob("*"), draft] if draft.is_dir() else [draft]:
            _flush(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir() or (draft.is_dir() and target.exists()):
            _exchange(draft, target)
        else:
            draft.rename(target)
        _flush(target.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _part(target: Path) -> str:
    return f".part.{safe_name(target.name)}."


def sweep_parts(target: Path) -> None:
    """Remove what processes left that were killed while they wrote `target`. For whoever alone may write it now."""
    if not is_remote(target):
        for scratch in target.parent.glob(glob.escape(_part(target)) + "?" * _RANDOM):
            shutil.rmtree(scratch, ignore_errors=True)


def save(target: Path, content: bytes) -> None:
    """Write a file in one step. Not flushed to the disk: for what is written again and again; `publish` flushes."""
    if is_remote(target):
        bucket.write(target, content)
        return
    descriptor, draft = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        Path(draft).chmod(0o644)
        Path(draft).rename(target)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def create(target: Path, content: bytes) -> bool:
    """Write a file that is not there yet, in one step and onto the disk; False, and nothing is written, if it is."""
    if is_remote(target):
        return bucket.swap(target, content, None) is not None
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".part.", dir=target.parent)
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            os.fchmod(descriptor, 0o444)
            stream.flush()
            os.fsync(descriptor)
        _name_first(draft, target)
        _flush(target.parent)
    except FileExistsError:
        return False
    finally:
        draft.unlink(missing_ok=True)
    return True


def _name_first(draft: Path, target: Path) -> None:
    """Give the draft the name of a file that is not there. Raises FileExistsError."""
    try:
        os.link(draft, target)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK):
            raise
        _rename(draft, target, _RENAME_NOREPLACE)  # a file system that has no second names


def sweep(folder: Path, beginning: str) -> None:
    """Remove what processes that were killed while they saved files of such names have left. A bucket has no drafts."""
    if not is_remote(folder):
        for draft in folder.glob(f".{glob.escape(beginning)}*"):
            draft.unlink(missing_ok=True)


def publish(source: Path, target: Path) -> None:
    """Put a file in the place of another, in one step, and keep its own name for it too."""
    if is_remote(source) and is_remote(target):
        bucket.copy(source, target)
        return
    with replacing(target) as draft:
        _link(source, draft)


def _link(source: Path, target: Path) -> None:
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
    for path in local(folder).iterdir():
        if path.is_file() and path.name not in written:
            _link(path, draft / path.name)


def write_bytes(target: Path, content: bytes) -> None:
    """Write a file in one step."""
    with replacing(target) as draft:
        draft.write_bytes(content)


def write_json(target: Path, content: Any) -> None:
    """Write JSON in one step: sorted, indented, UTF-8. NaN is refused with ValueError: it is no JSON."""
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    write_bytes(target, text.encode() + b"\n")


def version(path: Path) -> str:
    """What differs when the file has changed."""
    return bucket.tag(path) if is_remote(path) else str(path.stat().st_mtime_ns)


def read_json(path: Path) -> Any:
    """What `write_json` wrote."""
    return json.loads(read_bytes(path))


def read_bytes(path: Path) -> bytes:
    """What a file holds. Raises FileNotFoundError."""
    if not is_remote(path):
        return path.read_bytes()
    found = bucket.read(path)
    if found is None:
        raise FileNotFoundError(errno.ENOENT, "There is no such file", str(path))
    return found[0]


def read_regular(path: Path, limit: int) -> bytes:
    """What a small file holds. It never waits, as for a pipe, and follows no link at the path's end.

    Raises OSError, and ValueError if it is not a file, or has more bytes than `limit`.
    """
    if is_remote(path):
        if path.stat().st_size > limit:
            raise ValueError(f"it has more than {limit:,} bytes")
        return read_bytes(path)
    with open_regular(path, os.O_NOFOLLOW) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"it has more than {limit:,} bytes")
    return content


def open_regular(path: Path, flags: int = 0) -> BufferedReader:
    """A file of this machine, to be read; never waits. Raises OSError, and ValueError if it is not a regular file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError("it is not a regular file")
    return os.fdopen(descriptor, "rb")


def read_notebook(path: Path) -> "NotebookNode":
    """A notebook as it stands. Raises OSError, and what nbformat raises for what is not one."""
    import nbformat  # here, because every DAG file imports this module

    node: NotebookNode = nbformat.reads(read_bytes(path).decode(), as_version=4)
    return node


def parse_notebook(content: bytes) -> "NotebookNode":
    """The notebook of a file's content, its cells and metadata being what they have to be. Raises ValueError."""
    import nbformat

    fault: dict[str, Exception] = {}
    try:
        node: NotebookNode = nbformat.reads(content.decode(), as_version=4, capture_validation_error=fault)
        if fault:
            raise fault["ValidationError"]
    except (nbformat.ValidationError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"It is not a notebook ({type(error).__name__})") from None
    return node


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(one: Path, other: Path) -> None:
    """Swap two paths in one step: rename(2) alone cannot replace a folder that is not empty."""
    _rename(one, other, _RENAME_EXCHANGE)


def _rename(one: Path, other: Path, flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), flags) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(other))
