"""Listing: the names of what outputs hold, and stamps that tell whether it has changed; on a disk or in a bucket."""

import os
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from galley.storage import bucket, files

if TYPE_CHECKING:
    from galley.storage.bucket import BucketPath

_SETTLED = 2_000_000_000
"""Nanoseconds after which a folder's time of change is trusted: a clock tick may hold two changes."""
_FRESH = 0.5
"""Seconds for which the names in a folder of a bucket are not asked for again: a page asks for them dozens of times."""


class OutputsListing(Protocol):
    """What an index asks of the folder of outputs."""

    def folders(self, folder: Path) -> list[str]:
        """The names of the folders in a folder."""

    def files(self, folder: Path) -> list[str]:
        """The names of the files in a folder."""

    def has_folder(self, folder: Path) -> bool:
        """Whether it is there."""

    def stamp(self, *paths: Path) -> Hashable:
        """What differs when one of these files or folders has changed; of a folder, the names in it."""

    def is_settled(self, stamp: Hashable) -> bool:
        """Whether a stamp that is the same means that nothing has changed."""


def listing_of(outputs: Path) -> OutputsListing:
    """The listing for outputs."""
    return BucketListing(outputs) if files.is_remote(outputs) else DiskListing()


class DiskListing:
    """Outputs in a folder: nothing is opened, and links are not followed."""

    def folders(self, folder: Path) -> list[str]:
        """See OutputsListing."""
        return [entry.name for entry in _entries(folder) if entry.is_dir(follow_symlinks=False)]

    def files(self, folder: Path) -> list[str]:
        """See OutputsListing."""
        return [entry.name for entry in _entries(folder) if entry.is_file(follow_symlinks=False)]

    def has_folder(self, folder: Path) -> bool:
        """See OutputsListing."""
        return folder.is_dir() and not folder.is_symlink()

    def stamp(self, *paths: Path) -> tuple[int, ...]:
        """When each of them last changed; 0 for what is not there."""
        return tuple(map(_changed, paths))

    def is_settled(self, stamp: Hashable) -> bool:
        """Whether the last change is so long ago that another one would have another time."""
        return isinstance(stamp, tuple) and time.time_ns() - max(stamp) > _SETTLED


class BucketListing:
    """Outputs in a bucket: all names of a day come with one question."""

    def __init__(self, outputs: "BucketPath") -> None:
        self._outputs = outputs
        self._known: dict[str, tuple[float, dict[str, str]]] = {}

    def folders(self, folder: Path) -> list[str]:
        """See OutputsListing."""
        if folder == self._outputs:
            return list(self._names("", lambda: dict.fromkeys(bucket.folders(self._outputs), "")))
        return sorted({name.partition("/")[0] for name in self._inside(folder) if "/" in name})

    def files(self, folder: Path) -> list[str]:
        """See OutputsListing."""
        return [name for name in self._inside(folder) if "/" not in name]

    def has_folder(self, folder: Path) -> bool:
        """See OutputsListing."""
        return bool(self._inside(folder))

    def stamp(self, *paths: Path) -> Hashable:
        """The names and versions in each."""
        return tuple(
            tuple(self.folders(path)) if path == self._outputs else tuple(sorted(self._inside(path).items()))
            for path in paths
        )

    def is_settled(self, stamp: Hashable) -> bool:  # noqa: ARG002 - OutputsListing's signature
        """A version differs whenever the content does."""
        return True

    def _inside(self, path: Path) -> dict[str, str]:
        """The files in a folder, at any depth, with their versions; of a file, itself, with no name."""
        ds, _, rest = str(path.relative_to(self._outputs)).partition("/")
        names = self._names(ds, lambda: bucket.names(self._outputs / ds))
        if not rest:
            return names
        inside = {name.removeprefix(f"{rest}/"): tag for name, tag in names.items() if name.startswith(f"{rest}/")}
        return inside or ({"": names[rest]} if rest in names else {})

    def _names(self, ds: str, ask: Callable[[], dict[str, str]]) -> dict[str, str]:
        """What is known of a day, or, without one, of all of them, asked for if nothing was lately."""
        known = self._known.get(ds)
        if known is None or time.monotonic() - known[0] > _FRESH:
            self._known = {name: each for name, each in self._known.items() if time.monotonic() - each[0] <= _FRESH}
            known = self._known[ds] = (time.monotonic(), ask())
        return known[1]


def _entries(folder: Path) -> Iterator["os.DirEntry[str]"]:
    with suppress(OSError), os.scandir(folder) as entries:
        yield from entries


def _changed(path: Path) -> int:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - thousands of times a page
    except OSError:
        return 0
