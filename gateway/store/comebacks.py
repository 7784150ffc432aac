"""Finding mails by their Message-ID among those that came in lately, read or not yet read; why anybody waits for one is `gateway/connecting/`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from gateway.store.schema import inbound, raw_mail

HEAD_BYTES = 16_384
MOST_UNREAD = 200
"""Newest mails that nobody has read yet whose heads are looked into."""

_C = inbound.c
_WANTED = (_C.id, _C.message_id, _C.door, _C.envelope_to)
_READ = select(*_WANTED).where(_C.message_id.in_(bindparam("ids", expanding=True)), _C.received_at >= bindparam("since"))
_UNREAD = (
    select(*_WANTED, func.substr(raw_mail.c.bytes, 1, HEAD_BYTES).label("head"))
    .join(raw_mail, raw_mail.c.id == _C.id)
    .where(_C.state == "new", _C.message_id == "", _C.received_at >= bindparam("since"))
    .order_by(_C.received_at.desc())
    .limit(MOST_UNREAD)
)


@dataclass(frozen=True, slots=True)
class Comeback:
    """A mail that is here: under which id, by which door, and for whom (() where the door has no envelope)."""

    inbound_id: str
    door: str
    recipients: tuple[str, ...]


def find(connection: Connection, message_ids: Collection[str], since: datetime) -> dict[str, Comeback]:
    """Message-ID → the mail, of those that are here."""
    found: dict[str, Comeback] = {}
    for row in connection.execute(_READ, {"ids": list(message_ids), "since": since}):
        found[row.message_id] = Comeback(row.id, row.door, tuple(row.envelope_to))
    absent = [one for one in message_ids if one not in found]
    if absent:
        for unread in connection.execute(_UNREAD, {"since": since}):
            head = bytes(unread.head).partition(b"\r\n\r\n")[0]
            back = Comeback(unread.id, unread.door, tuple(unread.envelope_to))
            found.update((one, back) for one in absent if b"<%b>" % one.encode() in head)
    return found
