"""Kernel user: the operating system's user that kernels run as, where that is not galley's own.

What this user may not read, a notebook cannot: Airflow's files, and the memory and the environment of galley's and
Airflow's processes. Nor can it send them signals.
"""

import ctypes
import os
import pwd
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from galley.errors import SettingsError

_SET_NO_NEW_PRIVILEGES = 38
_AMBIENT_CAPABILITIES = 47
_CLEAR_ALL = 4
_LIBC = ctypes.CDLL(None)  # loaded here: between fork and exec nothing can be
_NEEDED = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7}
"""The capabilities, by number, to start a kernel as somebody else, to hand it its folders, to end it."""
_FAILING_TESTS = 'while [ $# -gt 0 ]; do [ "$1" "$2" ] || printf "%s\\0%s\\0" "$1" "$2"; shift 2; done'


@dataclass(frozen=True)
class KernelUser:
    """A user other than galley's own and root; `groups` are all that it is in."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]
    listed_home: Path

    @classmethod
    def of(cls, name: str) -> Self:
        """The user of that name or number. Raises SettingsError if there is none, or kernels cannot run as it."""
        asked = f"GALLEY_KERNEL_USER={name!r}"
        try:
            entry = pwd.getpwuid(int(name)) if name.isdecimal() else pwd.getpwnam(name)
        except (KeyError, OverflowError):
            raise SettingsError(
                f"{asked}: this machine has no such user. Make one, as with useradd --system {name}, or name another."
            ) from None
        if entry.pw_uid in (0, os.geteuid()):
            who = "the user that galley runs as" if entry.pw_uid else "root"
            raise SettingsError(f"{asked} is {who}, from whom kernels are to be kept apart. Name a user of their own.")
        if lacking := _lacking():
            raise SettingsError(
                f"{asked}: galley may not start kernels as another user; it lacks {', '.join(lacking)}. Run it as "
                "root, give it these capabilities, or unset GALLEY_KERNEL_USER."
            )
        groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
        return cls(entry.pw_name, entry.pw_uid, entry.pw_gid, tuple(groups), Path(entry.pw_dir))

    def become(self) -> None:
        """In a child, just before its program: be this user for good, with its groups alone."""
        os.setgroups(self.groups)
        os.setresgid(self.gid, self.gid, self.gid)
        os.setresuid(self.uid, self.uid, self.uid)
        # Else a program would inherit what a galley that is not root can switch by, or find it again in sudo.
        _prctl(_AMBIENT_CAPABILITIES, _CLEAR_ALL)
        _prctl(_SET_NO_NEW_PRIVILEGES, 1)

    def runs(self, pid: int | None) -> bool:
        """Whether a process is this user's, and cannot become another's."""
        status = Path(f"/proc/{pid}/status")
        users = re.search(r"^Uid:\s+(.+)$", status.read_text(), re.MULTILINE) if status.exists() else None
        return users is not None and users[1].split() == [str(self.uid)] * 4

    def environment(self, given: Mapping[str, str]) -> dict[str, str]:
        """A process's variables, with the home and the name of this user. Raises SettingsError without a home.

        What it starts has no other user: GALLEY_KERNEL_USER is blank.
        """
        kept = {name: value for name, value in given.items() if not name.startswith("XDG_")}
        return {**kept, "GALLEY_KERNEL_USER": "", "HOME": str(self.home()), "USER": self.name, "LOGNAME": self.name}

    def home(self) -> Path:
        """The folder for caches and settings: the user's home, or one of temporary files where it has none.

        Raises SettingsError if that one is somebody else's.
        """
        if self._owns(self.listed_home):
            return self.listed_home
        folder = Path(tempfile.gettempdir()) / f"galley-kernels-{self.uid}"
        try:
            folder.mkdir(mode=0o700)
            self.give(folder)
        except FileExistsError:
            if not self._owns(folder) or folder.lstat().st_mode & 0o077:
                raise SettingsError(
                    f"{folder}, which is to be the home of {self.name}, is not that user's alone. Remove it, or give "
                    "the user a home (usermod --home)."
                ) from None
        return folder

    def _owns(self, folder: Path) -> bool:
        try:
            facts = folder.lstat()
        except OSError:
            return False
        return stat.S_ISDIR(facts.st_mode) and facts.st_uid == self.uid

    def give(self, *paths: Path) -> None:
        """Make the user the owner of files and folders that galley made for it."""
        for path in paths:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def let_add(self, folder: Path) -> None:
        """Let the user make files in a folder of galley's, and neither replace nor remove those of others there."""
        os.chown(folder, -1, self.gid)
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_ISVTX | stat.S_IRWXG)

    def refused(self, asked: Iterable[tuple[str, Path]]) -> list[tuple[str, Path]]:
        """Those of the questions, as in ("-w", path), that the shell's `test` answers with no to this user."""
        words = [str(word) for question in asked for word in question]
        printed = subprocess.run(
            ["/bin/sh", "-c", _FAILING_TESTS, "sh", *words],
            capture_output=True,
            text=True,
            cwd="/",
            preexec_fn=self.become,
            check=True,
        ).stdout.split("\0")
        return [(how, Path(path)) for how, path in zip(printed[::2], printed[1::2], strict=False)]


def _prctl(option: int, value: int) -> None:
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(f"prctl({option}) is refused")


def _lacking() -> list[str]:
    """The capabilities that this process would need and does not have."""
    if sys.platform != "linux":
        return ["Linux"]
    effective = re.search(r"^CapEff:\s*(\w+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    held = int(effective[1], 16) if effective else 0
    return [f"CAP_{name}" for name, number in _NEEDED.items() if not held >> number & 1]
