"""The files of a Maildir (new, cur; never tmp): which there are, reading one in bounds, moving one on; what is taken in is `maildir_door.py`."""

from __future__ import annotations

import os
import stat
from collections.abc import Container, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LONGEST_NAME = 500
"""Characters of a file name's unique part in a source; longer ones do not exist on usual file systems."""


@dataclass(frozen=True, slots=True)
class MailFile:
    """One file. `modified` is seconds since 1970, of its delivery; `place` is `new` or `cur`."""

    place: str
    name: str
    size: int
    modified: float

    @property
    def unique(self) -> str:
        """The part of its name that stays when it moves and is marked."""
        return self.name.partition(":")[0]

    @property
    def source(self) -> str:
        """Its name, with size and time, since some programs use a name again. All three survive the way from new to cur, and a restore."""
        return f"maildir/{_writable(self.unique)}/{self.size}/{int(self.modified)}"

    @property
    def trashed(self) -> bool:
        """A person's program has marked it for deletion."""
        return "T" in self.name.partition(":2,")[2]


class Unreadable(Exception):
    """The file is there and cannot be read as a mail; `str()` says why."""


def walk(root: Path, place: str, passed: Container[str] = ()) -> Iterator[MailFile | None]:
    """The mails in `new` or `cur`, None for those whose unique part is among the `passed`; links are not followed, hidden files and folders are none.

    Raises OSError.
    """
    with os.scandir(root / place) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.name.partition(":")[0] in passed:
                yield None
                continue
            with suppress(FileNotFoundError):
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(found.st_mode):
                    yield MailFile(place, entry.name, found.st_size, found.st_mtime)


def read(root: Path, file: MailFile, most: int) -> bytes | None:
    """Up to `most` bytes; None if it is no longer there. Raises Unreadable."""
    try:
        handle = os.open(root / file.place / file.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as fault:
        raise Unreadable(fault.strerror or str(fault)) from None
    with os.fdopen(handle, "rb") as opened:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Unreadable("it is no plain file")
        try:
            return opened.read(most)
        except OSError as fault:
            raise Unreadable(fault.strerror or str(fault)) from None


def to_cur(root: Path, file: MailFile) -> bool:
    """From new to cur, marked as seen; what is in cur stays as it is. Never over another file. Raises OSError."""
    if file.place == "cur":
        return True
    goal = root / "cur" / f"{file.unique}:2,S"
    with suppress(FileNotFoundError):  # somebody was faster
        if goal.exists():
            return False
        os.rename(root / "new" / file.name, goal)
    return True


def remove(root: Path, file: MailFile) -> None:
    """Gone, wherever it lies now. Raises OSError."""
    with suppress(FileNotFoundError):
        os.unlink(root / file.place / file.name)


def _writable(name: str) -> str:
    """A file name may hold any bytes; a source is text."""
    return os.fsencode(name).decode("utf-8", "backslashreplace").replace("\0", "")[:LONGEST_NAME]
