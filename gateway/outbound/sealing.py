"""Drafts sealed with the files they carry, fetched from where they are stored; what a sealed mail looks like is `compose.py`."""

from __future__ import annotations

from sqlalchemy import Connection

from core.outbox import Draft, Sealed
from core.setup import Connector, Setup
from gateway.keys import Keys
from gateway.outbound.bodies import File
from gateway.outbound.compose import seal
from gateway.store import stored_files


class FileGone(LookupError):
    """A file that a mail carries is no longer stored; `str()` is the sentence for the author."""


def sealed_with_files(connection: Connection, draft: Draft, connector: Connector, setup: Setup, keys: Keys, *, ref: str) -> Sealed:
    """The draft as it will leave, with its files. Raises FileGone."""
    return seal(draft, connector, setup, keys, ref=ref, files=files_of(connection, draft))


def files_of(connection: Connection, draft: Draft) -> tuple[File, ...]:
    """The files of a draft in their order. Raises FileGone naming the first that is not there."""
    if not draft.files:
        return ()
    found = stored_files.contents(connection, [one.id for one in draft.files])
    for one in draft.files:
        if one.id not in found:
            raise FileGone(f"The file “{one.name}” of this mail is not stored any more.")
    return tuple(File(one.name, one.content_type, found[one.id], one.inline_id) for one in draft.files)
