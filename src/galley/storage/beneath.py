"""Beneath: files opened inside of a folder, whatever others rename or link there meanwhile.

A path that is checked and opened later may lead elsewhere by then. Here the kernel does both in one step (openat2), or,
where it does not have that call or a container's filter refuses it, each folder on the way is opened from the one
before it, and no link is followed. What is opened is what is to be read: not its path once more.
"""

import ctypes
import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

_OPENAT2 = 437
"""The call's number, the same on every architecture."""
_RESOLVE_NO_SYMLINKS = 0x04
_RESOLVE_BENEATH = 0x08
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_UNKNOWN = (errno.ENOSYS, errno.EPERM, errno.EINVAL, errno.E2BIG)
"""What a kernel without the call answers, and a filter that refuses it."""


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


def open_beneath(folder: Path, name: str) -> BufferedReader:
    """A regular file below a folder, by its relative path, in which nothing may be a link; the folder itself may be.

    Raises OSError, and ValueError if it is not a regular file or its name leads out of the folder.
    """
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in name:
        raise ValueError(f"{name!r} is not a path below a folder")
    root = os.open(folder, _FOLDER)
    try:
        descriptor = _opened(root, parts)
    finally:
        os.close(root)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError(f"{name!r} is not a regular file")
    return os.fdopen(descriptor, "rb")


def _opened(root: int, parts: list[str]) -> int:
    try:
        return _openat2(root, "/".join(parts))
    except OSError as error:
        if error.errno not in _UNKNOWN:
            raise
    return _walked(root, parts)


def _openat2(root: int, name: str) -> int:
    how = _OpenHow(flags=_FLAGS, mode=0, resolve=_RESOLVE_BENEATH | _RESOLVE_NO_SYMLINKS)
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor: int = libc.syscall(_OPENAT2, root, os.fsencode(name), ctypes.byref(how), ctypes.sizeof(how))
    if descriptor < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), name)
    return descriptor


def _walked(root: int, parts: list[str]) -> int:
    """The same, one folder after the other."""
    here = os.dup(root)
    try:
        for part in parts[:-1]:
            inner = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=here)
            os.close(here)
            here = inner
        return os.open(parts[-1], _FLAGS, dir_fd=here)
    finally:
        os.close(here)
