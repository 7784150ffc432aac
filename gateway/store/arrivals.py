"""Writing mails that have just arrived: one `inbound` row and one `raw_mail` row each; reading and settling them is `inbounds.py`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, bindparam, insert, update

from gateway.store import fetched
from gateway.store.schema import fetched as fetched_table
from gateway.store.schema import inbound, raw_mail

ADDRESS_LENGTH = 1000
PEER_LENGTH = 120
FOLDER_LENGTH = 320


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
    @property
    def helo(self) -> str: ...
    @property
    def folder(self) -> str: ...
    @property
    def spam(self) -> bool: ...
    @property
    def full_size(self) -> int: ...
    @property
    def source(self) -> str: ...


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
_GIVEN = ("id", "door", "connector", "peer", "received_at", "envelope_from", "envelope_to", "archive", "size", "helo", "folder", "spam", "full_size")
_INSERT_INBOUND = insert(inbound).values({name: bindparam(name) for name in (*_GIVEN, *_UNREAD)})
_INSERT_SOURCE = insert(fetched_table)
_LOOKED_AT = (
    update(fetched_table)
    .where(
        fetched_table.c.connector == bindparam("its_connector"),
        fetched_table.c.source == bindparam("its_source"),
        fetched_table.c.inbound_id == "",
    )
    .values(inbound_id=bindparam("its_id"))
)
"""A message that was only looked at before, and is taken in now."""
_INSERT_RAW = insert(raw_mail).values(id=bindparam("id"), bytes=bindparam("bytes"))


def store(connection: Connection, arrivals: Sequence[tuple[str, Arrived]]) -> list[str]:
    """Write (inbound id, arrival) pairs as `new`, in two statements however many they are. Returns the id each is stored under.

    That is another one for a message of a mailbox that was taken in before: it is not stored again.

    There is no `state_change` row for '' → `new`: the row's own `received_at` and `door` say when and how it began to be.
    Raises what the database raises; the caller's transaction then leaves nothing.
    """
    stored = _known(connection, arrivals) if any(arrival.source for _, arrival in arrivals) else [inbound_id for inbound_id, _ in arrivals]
    fresh = [(inbound_id, arrival) for (inbound_id, arrival), kept in zip(arrivals, stored, strict=True) if inbound_id == kept]
    if not fresh:
        return stored
    connection.execute(_INSERT_INBOUND, [_row(inbound_id, arrival) for inbound_id, arrival in fresh])
    connection.execute(_INSERT_RAW, [{"id": inbound_id, "bytes": arrival.raw} for inbound_id, arrival in fresh])
    for inbound_id, arrival in fresh:
        if arrival.source:
            _claim_source(connection, inbound_id, arrival)
    return stored


def _known(connection: Connection, arrivals: Sequence[tuple[str, Arrived]]) -> list[str]:
    """The id of each arrival: its own, or that of the same message of the same mailbox, stored before or earlier in this batch."""
    ids: dict[tuple[str, str], str] = {}
    for name in {arrival.connector for _, arrival in arrivals if arrival.source}:
        sources = [arrival.source[: fetched.SOURCE_LENGTH] for _, arrival in arrivals if arrival.source and arrival.connector == name]
        ids.update(((name, source), inbound_id) for source, inbound_id in fetched.known(connection, name, sources).items() if inbound_id)
    return [
        ids.setdefault((arrival.connector, arrival.source[: fetched.SOURCE_LENGTH]), inbound_id) if arrival.source else inbound_id
        for inbound_id, arrival in arrivals
    ]


def _claim_source(connection: Connection, inbound_id: str, arrival: Arrived) -> None:
    """Raises IntegrityError if another process took the same message in at the same moment: the batch is then stored one by one."""
    asked = {"connector": arrival.connector, "source": arrival.source[: fetched.SOURCE_LENGTH], "inbound_id": inbound_id, "at": arrival.received_at}
    if not connection.execute(_LOOKED_AT, {"its_connector": asked["connector"], "its_source": asked["source"], "its_id": inbound_id}).rowcount:
        connection.execute(_INSERT_SOURCE, asked)


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
        "helo": storable(arrival.helo)[:FOLDER_LENGTH],
        "folder": storable(arrival.folder)[:FOLDER_LENGTH],
        "spam": arrival.spam,
        "full_size": arrival.full_size,
    }


def storable(text: str) -> str:
    """Text without NUL, controls and lone surrogates, which PostgreSQL or the driver would refuse (libraries.md, charset repair)."""
    if text.isprintable():
        return text
    return "".join(character for character in text if character.isprintable())
