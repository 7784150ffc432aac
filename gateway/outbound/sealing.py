"""Drafts sealed with the files they carry, fetched from where they are stored; what a sealed mail looks like is `compose.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection

from core.outbox import TO_AGENTS, Draft, FileRef, Sealed
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


def from_shelf(connection: Connection, names: Sequence[str]) -> tuple[tuple[FileRef, ...], tuple[str, ...]]:
    """The desk's files of these names, of two with one name the newer; and the names of which there is none."""
    if not names:
        return (), ()
    shelf = {one.name: one for one in stored_files.on_shelf(connection, stored_files.DESK)}
    there = tuple(shelf[name] for name in dict.fromkeys(names) if name in shelf)
    return tuple(FileRef(one.id, one.name, one.content_type, one.size) for one in there), tuple(name for name in names if name not in shelf)


def with_template_files(connection: Connection, draft: Draft, setup: Setup) -> tuple[Draft, tuple[str, ...]]:
    """An automatic mail with the files of its template (C-TP-06), and the names of those that the desk does not have; a person's mail as it is."""
    if not draft.system_generated or draft.purpose in TO_AGENTS or not setup.mail_templates:  # mails to our people bring their own words
        return draft, ()
    from gateway.outbound.templates import chosen  # Jinja2 is imported only where an administrator has templates

    files, missing = from_shelf(connection, chosen(setup, draft.purpose, draft.language).files)
    return (replace(draft, files=(*draft.files, *files)) if files else draft), missing


def files_of(connection: Connection, draft: Draft) -> tuple[File, ...]:
    """The files of a draft in their order. Raises FileGone naming the first that is not there."""
    if not draft.files:
        return ()
    found = stored_files.contents(connection, [one.id for one in draft.files])
    for one in draft.files:
        if one.id not in found:
            raise FileGone(f"The file “{one.name}” of this mail is not stored any more.")
    return tuple(File(one.name, one.content_type, found[one.id], one.inline_id) for one in draft.files)
