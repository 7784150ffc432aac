"""Writing mails that have just arrived: one `inbound` row and one `raw_mail` row each; reading and settling them is `inbounds.py`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, bindparam, insert

from gateway.store.schema import inbound, raw_mail

ADDRESS_LENGTH = 1000
PEER_LENGTH = 120


class Arrived(Protocol):
    """What is written of a mail at a door; `gateway.inbound.port.Arrival` has this shape."""

    @property
    def raw(self) -> bytes: ...
    @property
    def door(self) -> str: ...
    @property
    def received_at(self) -> datetime: ...
    @property
    def sender(self) -> str: ...
    @property
    def recipients(self) -> tuple[str, ...]: ...
    @property
    def connector(self) -> str: ...
    @property
    def peer(self) -> str: ...
    @property
    def archive(self) -> bool: ...


_UNREAD: dict[str, Any] = {
    "state": "new",
    "reason": "",
    "attempts": 0,
    "message_id": "",
    "from_address": "",
    "from_name": "",
    "subject": "",
    "classification": "",
}
_GIVEN = ("id", "door", "connector", "peer", "received_at", "envelope_from", "envelope_to", "archive", "size")
_INSERT_INBOUND = insert(inbound).values({name: bindparam(name) for name in (*_GIVEN, *_UNREAD)})
_INSERT_RAW = insert(raw_mail).values(id=bindparam("id"), bytes=bindparam("bytes"))


def store(connection: Connection, arrivals: Sequence[tuple[str, Arrived]]) -> None:
    """Write (inbound id, arrival) pairs as `new`, in two statements however many they are.

    There is no `state_change` row for '' → `new`: the row's own `received_at` and `door` say when and how it began to be.
    Raises what the database raises; the caller's transaction then leaves nothing.
    """
    connection.execute(_INSERT_INBOUND, [_row(inbound_id, arrival) for inbound_id, arrival in arrivals])
    connection.execute(_INSERT_RAW, [{"id": inbound_id, "bytes": arrival.raw} for inbound_id, arrival in arrivals])


def _row(inbound_id: str, arrival: Arrived) -> dict[str, Any]:
    return {
        **_UNREAD,
        "id": inbound_id,
        "door": arrival.door,
        "connector": arrival.connector,
        "peer": storable(arrival.peer)[:PEER_LENGTH],
        "received_at": arrival.received_at,
        "envelope_from": storable(arrival.sender)[:ADDRESS_LENGTH],
        "envelope_to": [storable(recipient)[:ADDRESS_LENGTH] for recipient in arrival.recipients],
        "archive": arrival.archive,
        "size": len(arrival.raw),
    }


def storable(text: str) -> str:
    """Text without NUL, controls and lone surrogates, which PostgreSQL or the driver would refuse (libraries.md, charset repair)."""
    if text.isprintable():
        return text
    return "".join(character for character in text if character.isprintable())
