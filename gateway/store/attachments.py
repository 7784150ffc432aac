"""The attachments of inbound messages as rows, and their encoded bytes out of the raw mail, without the rest of it; decoding is the way in's."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from core.mail import Attachment
from gateway.store.schema import inbound_body, raw_mail

_NAMES = frozenset(one.name for one in fields(Attachment))
_BODY = select(inbound_body.c.html, inbound_body.c.attachments, inbound_body.c.more).where(inbound_body.c.inbound_id == bindparam("its_id"))
_PIECE = select(func.substr(raw_mail.c.bytes, bindparam("first"), bindparam("length"))).where(raw_mail.c.id == bindparam("its_id"))


@dataclass(frozen=True, slots=True)
class Shown:
    """What of a message is shown in a frame: its sanitised HTML, its attachments, and how many remote images it has."""

    html: str
    attachments: tuple[Attachment, ...]
    remote: int
    sanitised: bool = True
    """False for what was stored before HTML was sanitised (revision 0001)."""


def shown(connection: Connection, inbound_id: str) -> Shown | None:
    """None for a message that is not there, or was not read yet."""
    row = connection.execute(_BODY, {"its_id": inbound_id}).first()
    if row is None:
        return None
    return Shown(row.html, tuple(map(_attachment, row.attachments)), int((row.more or {}).get("remote", 0)), row.more is not None)


def listed(connection: Connection, inbound_id: str) -> tuple[Attachment, ...]:
    """The attachments in their order; a person counts them from 1."""
    found = shown(connection, inbound_id)
    return found.attachments if found is not None else ()


def piece(connection: Connection, inbound_id: str, one: Attachment) -> bytes:
    """The encoded bytes of an attachment, or of the container it is in. Raises LookupError if the raw mail is not there."""
    found = connection.execute(_PIECE, {"its_id": inbound_id, "first": one.offset + 1, "length": one.length}).first()
    if found is None:
        raise LookupError(f"The raw mail of {inbound_id} is not stored.")
    return bytes(found[0])


def _attachment(row: dict[str, Any]) -> Attachment:
    """A row written by another version may have fewer or more fields."""
    return Attachment(**{name: value for name, value in row.items() if name in _NAMES})
