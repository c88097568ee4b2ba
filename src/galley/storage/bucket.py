"""Bucket: folders in a bucket that appear whole or not at all, as folders on a disk do.

A store replaces one object in one step, and has no rename and no step for several. So a folder is replaced in three:
its new files are stored aside, one object says that they count, and then they are copied to their names. From the
second step on readers take what is aside. A writer that is killed before it leaves the former folder; one that is
killed after it leaves the copying to the next writer.

    raw/2026-11-23/data.csv target.csv       each object whole
    raw/2026-11-23/.next/<id>/data.csv ...   stored aside
    raw/2026-11-23/.next/mark                what of that counts: {"id": ..., "names": [...]}; {} when all is copied
"""

import atexit
import errno
import hashlib
import json
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from galley.errors import SettingsError, StorageUnavailable
from galley.storage.stores import NoSuchCondition, Store, store_of

if TYPE_CHECKING:

    class BucketPath(Path):
        """A file or a folder in a bucket: takes pathlib's calls, and is upath's when it runs, no instance of Path."""

        fs: Any


_NEXT = ".next"
_MARK = "mark"
_ABANDONED = timedelta(days=1)
_TRIED: set[tuple[str, bool]] = set()
"""Buckets whose store was seen to refuse a write, and whether for an object that was there."""
_READS = 20
"""Times that a folder is read until nothing changed meanwhile."""


def place(url: str) -> "BucketPath":
    """A folder or a file in a bucket, which takes pathlib's calls. Raises SettingsError where libraries are missing.

    It is no instance of Path: by that `galley.storage.files` knows it.
    """
    store = store_of(url)
    absent = [name for name in ("upath", store.library) if find_spec(name) is None]
    if absent:
        raise SettingsError(
            f"{url} is in a bucket, and {absent[0]} is not installed here. Install airflow-galley[{store.extra}]."
        )
    store.prepare()
    from upath import UPath  # which imports the store's library, half a second, when something is asked of the store

    # What another process has stored is to be seen at once.
    found: Any = UPath(url.rstrip("/"), use_listings_cache=False)
    return found  # type: ignore[no-any-return]


@contextmanager
def bucket_errors(path: "BucketPath") -> Iterator[None]:
    """What is raised of a store that does not answer becomes StorageUnavailable."""
    store = _store(path)
    try:
        yield
    except store.unreachable() as error:
        raise StorageUnavailable(
            f"The object store does not answer ({error}). Start it, or fix {store.access}."
        ) from error


def names(folder: "BucketPath") -> dict[str, str]:
    """The files of a folder, at any depth, each with its version; none that begins with a dot, or whose folder does."""
    with bucket_errors(folder):
        found = _system(folder).find(_key(folder), detail=True)
    version = _store(folder).version
    inside = {key.removeprefix(f"{_key(folder)}/"): version(facts) for key, facts in found.items()}
    inside.pop(_key(folder), None)  # of a file, itself
    return {name: tag for name, tag in inside.items() if not any(part.startswith(".") for part in name.split("/"))}


def folders(folder: "BucketPath") -> list[str]:
    """The names of the folders in a folder."""
    try:
        with bucket_errors(folder):
            found = _system(folder).ls(_key(folder), detail=True)
    except FileNotFoundError:
        return []
    names = (facts["name"].rpartition("/")[2] for facts in found if facts["type"] == "directory")
    return [name for name in names if not name.startswith(".")]


def fetch(path: "BucketPath") -> Path:
    """A copy of a file or folder on this machine, which ends with the process and is not to be written to.

    A folder's is of one moment. Nothing is fetched twice that has not changed. Raises FileNotFoundError.
    """
    for _ in range(_READS):
        mark, tags = _Mark.of(path), names(path)
        if not mark.names and not tags:
            return _fetch_file(path)
        sources = {name: mark.sources(name) for name in mark.names or tags}
        with suppress(FileNotFoundError):
            copy = _copied(path, sources, mark.identity if mark.names else str(tags))
            if _Mark.of(path) == mark and (mark.names or names(path) == tags):
                return copy
    raise StorageUnavailable(f"{path} changes faster than it can be read. See what writes to it all the time.")


def _fetch_file(path: "BucketPath") -> Path:
    mark = _Mark.of(path.parent)
    try:
        if path.name in mark.names:
            return _copied(path, {"": mark.sources(path.name)}, mark.identity)
        return _copied(path, {"": [path]}, tag(path))
    except FileNotFoundError as error:
        raise FileNotFoundError(errno.ENOENT, "There is no such file or folder", str(path)) from error


def _copied(path: "BucketPath", sources: dict[str, list["BucketPath"]], version: str) -> Path:
    """That version of a file or folder, fetched unless it is here: each name from the first source that has it."""
    copy = _scratch() / hashlib.sha256(f"{path} {version}".encode()).hexdigest() / _key(path)
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=copy.parent)) / path.name
        for name, places in sources.items():
            target = draft / name
            target.parent.mkdir(parents=True, exist_ok=True)
            _get(places, target)
        with suppress(OSError):  # another thread may have been quicker
            draft.rename(copy)
    return copy


def _get(places: list["BucketPath"], target: Path) -> None:
    *others, last = places
    with bucket_errors(last):
        for one in others:
            with suppress(FileNotFoundError):
                _system(one).get_file(_key(one), str(target))
                return
        _system(last).get_file(_key(last), str(target))


@cache
def _scratch() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="galley-bucket-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@contextmanager
def replacing(target: "BucketPath") -> Iterator[Path]:
    """A path on this machine; the file or the folder that the block leaves there takes the place of `target`."""
    with tempfile.TemporaryDirectory(prefix="galley-") as scratch:
        draft = Path(scratch) / target.name
        yield draft
        if not draft.exists():
            raise FileNotFoundError(errno.ENOENT, f"Nothing was written to take the place of {target.name}", str(draft))
        if draft.is_dir():
            _replace_folder(target, draft)
        else:
            _finish(target.parent)
            with bucket_errors(target):
                _system(target).put_file(str(draft), _key(target))


def write(target: "BucketPath", content: bytes) -> None:
    """Store a file in one step."""
    with bucket_errors(target):
        _system(target).pipe_file(_key(target), content)


def copy(source: "BucketPath", target: "BucketPath") -> None:
    """Store a file under a second name, in one step and without its content coming here."""
    with bucket_errors(target):
        _system(target).cp_file(_key(source), _key(target))


def read(path: "BucketPath") -> tuple[bytes, str] | None:
    """What an object holds, and its version; None if it is not there."""
    try:
        with bucket_errors(path):
            return _store(path).read(_system(path), _key(path))
    except FileNotFoundError:
        return None


def tag(path: "BucketPath") -> str:
    """The version of an object: its ETag or its generation. Raises FileNotFoundError."""
    with bucket_errors(path):
        return _store(path).version(_system(path).info(_key(path)))


def swap(path: "BucketPath", content: bytes, tag: str | None) -> str | None:
    """Store an object if it still has that version, or, with None, if it is not there; returns the new version.

    None if somebody else was quicker. Raises SettingsError for a store that stores it all the same.
    """
    stored = _put_if(path, content, tag)
    if stored is not None:
        _require_refusal(path, content, tag)
    return stored


def _put_if(path: "BucketPath", content: bytes, tag: str | None) -> str | None:
    try:
        with bucket_errors(path):
            return _store(path).write_if(_system(path), _key(path), content, tag)
    except NoSuchCondition as error:
        raise _unconditional(path, tag) from error


def _require_refusal(path: "BucketPath", content: bytes, tag: str | None) -> None:
    """Raise SettingsError if the store writes an object that is there, on a condition that does not hold for it.

    A store, or what is in front of it, may ignore a condition silently, and nothing would be exclusive. Each of the two
    is tried once in a process, where something first rests on it: with what was just stored, so that nothing is lost.
    """
    tried = (_key(path).partition("/")[0], tag is None)
    if tried in _TRIED:
        return
    if _put_if(path, content, None if tag is None else _store(path).nobodys) is not None:
        raise _unconditional(path, tag)
    _TRIED.add(tried)


def _unconditional(path: "BucketPath", tag: str | None) -> SettingsError:
    absent, same = _store(path).conditions
    return SettingsError(
        f"{path}: the object store ignores {absent if tag is None else same} of a write, so that two runs could write "
        "the same at once. Set GALLEY_DATA and GALLEY_OUTPUTS to folders on a disk, or to a bucket whose store and "
        f"proxies honour {absent} and {same}."
    )


@dataclass(frozen=True)
class _Mark:
    """The object of a folder that says what is stored aside and counts. `tag` None: it was never there."""

    folder: "BucketPath"
    identity: str = ""
    names: tuple[str, ...] = ()
    tag: str | None = None

    @classmethod
    def of(cls, folder: "BucketPath") -> "_Mark":
        found = read(folder / _NEXT / _MARK)
        if found is None:
            return cls(folder)
        said = json.loads(found[0])
        return cls(folder, said.get("id", ""), tuple(said.get("names", ())), found[1])

    @property
    def aside(self) -> "BucketPath":
        return self.folder / _NEXT / self.identity

    def sources(self, name: str) -> list["BucketPath"]:
        """Where a file of the folder is: aside, if that counts, until all are copied."""
        return [*([self.aside / name] if name in self.names else []), self.folder / name]

    def become(self, said: dict[str, Any]) -> bool:
        """Whether it could be replaced, as it was when it was read."""
        return swap(self.folder / _NEXT / _MARK, json.dumps(said).encode(), self.tag) is not None


def _replace_folder(target: "BucketPath", draft: Path) -> None:
    system, identity = _system(target), uuid.uuid4().hex
    found = sorted(str(path.relative_to(draft)) for path in draft.rglob("*") if path.is_file())
    with bucket_errors(target):
        for name in found:
            system.put_file(str(draft / name), _key(target / _NEXT / identity / name))
    while True:
        _finish(target)
        mark = _Mark.of(target)
        if not mark.names and mark.become({"id": identity, "names": found}):
            break
    _finish(target)
    _sweep(target)


def _finish(folder: "BucketPath") -> None:
    """Do what is left of replacing a folder, if anything is."""
    mark, system = _Mark.of(folder), _system(folder)
    if not mark.names:
        return
    with bucket_errors(folder):
        try:
            for name in mark.names:
                system.cp_file(_key(mark.aside / name), _key(folder / name))
        except FileNotFoundError:  # they go when all are copied
            pass
        if _Mark.of(folder) != mark:  # somebody else has done it
            return
        for name in set(names(folder)) - set(mark.names):
            _remove(folder, _key(folder / name))
        for key in system.find(_key(mark.aside)):
            _remove(folder, key)
    mark.become({})


def _sweep(folder: "BucketPath") -> None:
    """Remove what writers that were killed had stored aside before it counted: a day ago, by the store's own clock."""
    with bucket_errors(folder):
        found = _system(folder).find(_key(folder / _NEXT), detail=True)
        stored = {key: _store(folder).changed(facts) for key, facts in found.items()}
        for key, time in stored.items():
            if max(stored.values()) - time > _ABANDONED:
                _remove(folder, key)


def _remove(folder: "BucketPath", key: str) -> None:
    with suppress(FileNotFoundError):  # somebody else has done it
        _system(folder).rm_file(key)


def _store(path: "BucketPath") -> Store:
    return store_of(str(path))


def _system(path: "BucketPath") -> Any:
    return path.fs


def _key(path: "BucketPath") -> str:
    return str(path).removeprefix(_store(path).scheme)
