"""Files of a customer's mail that go with what our people are told of it; which are harmless is judged by `gateway/inbound/judging.py`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from core.agent_letters import spoken
from core.mail import Attachment
from core.notification_letter import FileLeft
from core.outbox import FileRef
from core.refusal import Refused
from core.setup import Setup
from gateway.clock import Clock
from gateway.desk_files import contents_of, require_unchanged
from gateway.inbound.judging import judged
from gateway.store import attachments, stored_files

SHELF = "told"
"""Where such copies lie: on no item, so that its files stay those that people put there."""
SMALL_IMAGE = 20_000
"""Bytes below which an image that the HTML shows is a logo, and left out."""
MOST_FILES = 20
_UNITS = {"en": ("B", "kB", "MB"), "fr": ("o", "ko", "Mo")}


class Room:
    """What still fits into one mail, in bytes and files."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.files = MOST_FILES

    def takes(self, one: Attachment) -> bool:
        """Whether it fits; then it has its place."""
        if not self.files or one.size > self.size:
            return False
        self.files -= 1
        self.size -= one.size
        return True


def carried(
    connection: Connection, inbound_id: str, setup: Setup, clock: Clock, now: datetime, room: Room, language: str
) -> tuple[tuple[FileRef, ...], tuple[FileLeft, ...]]:
    """The attachments of a mail that go along, and those that are only named: too large for the room, or dangerous."""
    listed = [one for one in attachments.listed(connection, inbound_id) if not (one.inline and one.size < SMALL_IMAGE)]
    if not listed:
        return (), ()
    contents = contents_of(connection, inbound_id)
    refs: list[FileRef] = []
    left: list[FileLeft] = []
    for number, one in enumerate(judged(contents, _without_containers(listed), setup.attachment_types), 1):
        if one.danger or not room.takes(one):
            left.append(FileLeft(one.name, _size(one.size, language), bool(one.danger)))
            continue
        content = contents.of(one)
        try:
            require_unchanged(one, connection, inbound_id, content)
        except Refused:  # the mail was replaced since it was read: what lies there is another file
            left.append(FileLeft(one.name, _size(one.size, language), dangerous=True))
            continue
        kept = stored_files.add(
            connection, clock.new_id(), SHELF, one.name, one.content_type, content, now=now, by="", source=f"inbound:{inbound_id}:{number}"
        )
        refs.append(FileRef(kept.id, kept.name, kept.content_type, kept.size))
    return tuple(refs), tuple(left)


def _without_containers(listed: Sequence[Attachment]) -> list[Attachment]:
    """What is in a container stands for it."""
    opened = {one.offset for one in listed if one.within}
    return [one for one in listed if one.within or one.offset not in opened]


def _size(size: int, language: str) -> str:
    bytes_, thousands, millions = _UNITS[spoken(language)]
    if size < 1_000:
        return f"{size} {bytes_}"
    return f"{size // 1_000} {thousands}" if size < 1_000_000 else f"{size / 1_000_000:.1f} {millions}"
