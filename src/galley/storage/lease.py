"""Lease: a right that one process at a time has, kept as an object in a bucket and renewed while it is used.

A file system lets go of a lock when its process ends. A bucket does not, so whoever has a lease says every few seconds
that it is still there. Whoever wants it waits until that is not said for TIMEOUT seconds of its own clock; no two
clocks are compared. All writes are conditional on what was there, so of two that want it, one gets it.
"""

import json
import logging
import os
import threading
import time
import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

from galley.errors import SettingsError, StageInterrupted, StorageUnavailable
from galley.storage import bucket

if TYPE_CHECKING:
    from galley.storage.bucket import BucketPath

log = logging.getLogger(__name__)

BEAT = 5.0
"""Seconds between two signs of life."""
TIMEOUT = 30.0
"""Seconds without one, after which a lease is taken from whoever has it."""


class Lease:
    """The lease at `path`, in a bucket."""

    def __init__(self, path: "BucketPath") -> None:
        self._path = path
        self._sign = uuid.uuid4().hex
        self._beats = 0
        self._tag: str | None = None
        self._renewed = 0.0
        self._lost = False
        self._writing = threading.Lock()
        self._over = threading.Event()

    def take(self, wait: bool = False) -> str | None:
        """Take it, and renew it from now on. Returns who has it, where another process does; not with `wait`."""
        while True:
            found = bucket.read(self._path)
            holder, tag = (_holder(found[0]), found[1]) if found else (None, None)
            if holder is None or not self._gives_sign(tag):
                self._tag = self._put(tag)
                if self._tag is not None:
                    self._renewed = time.monotonic()
                    threading.Thread(target=self._renew_on, name="lease", daemon=True).start()
                    return None
            elif not wait:
                return holder

    def _gives_sign(self, tag: str | None) -> bool:
        """Whether whoever has the lease renews it, or lets it go, while this waits for that."""
        log.info("waiting up to %.0f s for a sign of life of whoever has %s", TIMEOUT, self._path)
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            time.sleep(BEAT / 5)
            now = bucket.read(self._path)
            if now is None or now[1] != tag:
                return True
        return False

    def confirm(self) -> None:
        """Raise StageInterrupted if this process was silent for so long that another one may have the lease."""
        with suppress(StorageUnavailable, OSError):
            self._renew()
        if self._lost or time.monotonic() - self._renewed > TIMEOUT:
            raise StageInterrupted(
                f"This run could not write to the store for {TIMEOUT:.0f} s. Another one may have begun, so this one "
                "does not count. See what kept the process or the network, then run it again."
            )

    def release(self) -> None:
        """Let it go. What cannot be said now, others find out after TIMEOUT."""
        self._over.set()
        with self._writing, suppress(StorageUnavailable, OSError):
            if self._tag is not None and not self._lost:
                bucket.swap(self._path, b"{}", self._tag)

    def is_held(self) -> bool:
        """Whether a process has it, by the clocks of this machine and the store: to be shown, not to be acted on."""
        found = bucket.read(self._path)
        return bool(found and _holder(found[0])) and time.time() - self._path.stat().st_mtime < 2 * TIMEOUT

    def _renew_on(self) -> None:
        while not self._over.wait(BEAT) and not self._lost:
            with suppress(StorageUnavailable, SettingsError, OSError):  # `confirm` says what is permanent
                self._renew()

    def _renew(self) -> None:
        with self._writing:
            if self._lost or self._over.is_set():
                return
            tag = self._put(self._tag)
            if tag is None:
                self._lost = True
                log.warning("%s was taken by another process: this one was silent for too long", self._path)
            else:
                self._tag, self._renewed = tag, time.monotonic()

    def _put(self, tag: str | None) -> str | None:
        """Store a sign of life in the place of what has that version; None if something else is there."""
        self._beats += 1
        said = {
            "holder": f"process {os.getpid()} on {os.uname().nodename}",
            "sign": self._sign,
            "beat": self._beats,
        }
        stored = bucket.swap(self._path, json.dumps(said).encode(), tag)
        if stored is not None:
            return stored
        # It may be our own: stored, while the store's answer was lost.
        found = bucket.read(self._path)
        return found[1] if found and json.loads(found[0]).get("sign") == self._sign else None


def _holder(content: bytes) -> str | None:
    holder: str | None = json.loads(content).get("holder")
    return holder
