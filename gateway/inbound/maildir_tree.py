"""A Maildir with its folders as an archive: every mail in it, in the order of delivery; watching one into which mail is delivered is `maildir_door.py`."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from imapclient import imap_utf7

from gateway.inbound import maildir_files as files
from gateway.inbound.maildir_files import MailFile, Unreadable
from gateway.inbound.mbox import GZIP

DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Filed:
    """One mail: the folder's name as people know it, where that is, and the file."""

    folder: str
    root: Path
    file: MailFile

    @property
    def path(self) -> Path:
        return self.root / self.file.place / self.file.name

    def read(self, most: int) -> bytes | None:
        """Up to `most` + 1 bytes, unpacked if the server packs its mails; None if it is gone. Raises Unreadable."""
        raw = files.read(self.root, self.file, most + 1)
        if raw is None or not raw.startswith(GZIP):
            return raw
        try:
            return gzip.GzipFile(fileobj=BytesIO(raw)).read(most + 1)
        except (OSError, EOFError, zlib.error) as fault:
            raise Unreadable(f"it is compressed and damaged: {fault}") from None


def mails(root: Path) -> list[Filed]:
    """All mails of a Maildir and of the folders in it (Maildir++ `.Sub`, or plain folders), the oldest delivery first. Raises OSError."""
    found = [Filed(name, place, file) for name, place in _folders(root) for part in ("new", "cur") for file in files.walk(place, part) if file is not None]
    return sorted(found, key=lambda one: (one.file.modified, one.file.name))


def _folders(root: Path) -> Iterator[tuple[str, Path]]:
    """(name, place) of every folder that holds mail; links are not followed."""
    waiting: list[tuple[tuple[str, ...], Path]] = [((), root)]
    while waiting:
        parts, place = waiting.pop()
        if (place / "cur").is_dir() and (place / "new").is_dir():
            yield "/".join(parts) or "INBOX", place
        if len(parts) >= DEEPEST:
            continue
        with os.scandir(place) as entries:
            below = [entry for entry in entries if entry.name not in ("cur", "new", "tmp") and entry.is_dir(follow_symlinks=False)]
        waiting.extend(((*parts, *_names(entry.name)), place / entry.name) for entry in sorted(below, key=lambda entry: entry.name, reverse=True))


def _names(name: str) -> list[str]:
    """`.Archive.2019` are two levels; names are in modified UTF-7 (RFC 3501 section 5.1.3)."""
    decoded = []
    for part in name.removeprefix(".").split(".") if name.startswith(".") else [name]:
        try:
            decoded.append(str(imap_utf7.decode(os.fsencode(part))))
        except (ValueError, LookupError):
            decoded.append(part)
    return [part.encode("utf-8", "replace").decode() for part in decoded]
