"""Writing mails that have just arrived: one `inbound` row and one `raw_mail` row each; reading and settling them is `inbounds.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Connection, bindparam, literal_column, update
from sqlalchemy.exc import IntegrityError

from gateway.store import fetched
from gateway.store.many_rows import ManyRows
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
    def submitted_by(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def left_alone(self) -> bool: ...


_NOTHING: ColumnElement[Any] = literal_column("''")
_NONE: ColumnElement[Any] = literal_column("0")
_UNREAD: dict[str, ColumnElement[Any]] = {
    "state": literal_column("'new'"),
    "attempts": _NONE,
    **dict.fromkeys(("reason", "message_id", "from_address", "from_name", "subject", "classification"), _NOTHING),
}
"""Written into the statement: a parameter for each would cost every mail as much as reading it does."""
_GIVEN = ("id", "door", "connector", "peer", "received_at", "envelope_from", "envelope_to", "archive", "size", "helo", "folder", "spam", "full_size", "submitted_by")
_INBOUND = ManyRows(inbound, _GIVEN, _UNREAD)
_RAW = ManyRows(raw_mail, ("id", "bytes"))
_SOURCES = ManyRows(fetched_table, ("connector", "source", "inbound_id", "at", "touched"))
_LOOKED_AT = (
    update(fetched_table)
    .where(
        fetched_table.c.connector == bindparam("its_connector"),
        fetched_table.c.source == bindparam("its_source"),
        fetched_table.c.inbound_id == "",
    )
    .values(inbound_id=bindparam("its_id"), touched=bindparam("its_touched"))
)
"""A message that was only looked at before, and is taken in now."""


def store(connection: Connection, arrivals: Sequence[tuple[str, Arrived]]) -> list[str]:
    """Write (inbound id, arrival) pairs as `new`, in two statements however many they are. Returns the id each is stored under.

    That is another one for a message of a mailbox that was taken in before: it is not stored again.

    There is no `state_change` row for '' → `new`: the row's own `received_at` and `door` say when and how it began to be.
    Raises what the database raises; the caller's transaction then leaves nothing.
    """
    held = _held(connection, arrivals)
    stored = _ids(arrivals, held)
    fresh = [(inbound_id, arrival) for (inbound_id, arrival), kept in zip(arrivals, stored, strict=True) if inbound_id == kept]
    if not fresh:
        return stored
    _INBOUND.insert(connection, [_row(inbound_id, arrival) for inbound_id, arrival in fresh])
    _RAW.insert(connection, [(inbound_id, arrival.raw) for inbound_id, arrival in fresh])
    _claim_sources(connection, [(inbound_id, arrival) for inbound_id, arrival in fresh if arrival.source], held)
    return stored


Source = tuple[str, str]
"""Connector and source, as stored."""


def _source(arrival: Arrived) -> Source:
    return arrival.connector, arrival.source[: fetched.SOURCE_LENGTH]


def _held(connection: Connection, arrivals: Sequence[tuple[str, Arrived]]) -> dict[Source, str]:
    """What is written of these sources: the id each was stored under, '' for one that was only looked at."""
    asked: dict[str, list[str]] = {}
    for _, arrival in arrivals:
        if arrival.source:
            asked.setdefault(arrival.connector, []).append(_source(arrival)[1])
    return {(name, source): kept for name, sources in asked.items() for source, kept in fetched.known(connection, name, sources).items()}


def _ids(arrivals: Sequence[tuple[str, Arrived]], held: Mapping[Source, str]) -> list[str]:
    """The id of each arrival: its own, or that of the same message of the same mailbox, stored before or earlier in this batch."""
    ids = {source: inbound_id for source, inbound_id in held.items() if inbound_id}
    return [ids.setdefault(_source(arrival), inbound_id) if arrival.source else inbound_id for inbound_id, arrival in arrivals]


def _claim_sources(connection: Connection, fresh: Sequence[tuple[str, Arrived]], held: Mapping[Source, str]) -> None:
    """Raises IntegrityError if another process took the same message in at the same moment: the batch is then stored one by one."""
    looked_at = [(inbound_id, arrival) for inbound_id, arrival in fresh if _source(arrival) in held]
    new = [(inbound_id, arrival) for inbound_id, arrival in fresh if _source(arrival) not in held]
    if looked_at:
        values = [
            {"its_connector": arrival.connector, "its_source": _source(arrival)[1], "its_id": inbound_id, "its_touched": arrival.left_alone}
            for inbound_id, arrival in looked_at
        ]
        if connection.execute(_LOOKED_AT, values).rowcount not in (-1, len(looked_at)):
            raise IntegrityError(None, None, RuntimeError("a message was taken in by another process at the same moment"))
    _SOURCES.insert(connection, [(*_source(arrival), inbound_id, arrival.received_at, arrival.left_alone) for inbound_id, arrival in new])


def _row(inbound_id: str, arrival: Arrived) -> tuple[Any, ...]:
    """In the order of _GIVEN."""
    return (
        inbound_id,
        arrival.door,
        arrival.connector,
        storable(arrival.peer)[:PEER_LENGTH],
        arrival.received_at,
        storable(arrival.sender)[:ADDRESS_LENGTH],
        tuple([storable(recipient)[:ADDRESS_LENGTH] for recipient in arrival.recipients]),
        arrival.archive,
        len(arrival.raw),
        storable(arrival.helo)[:FOLDER_LENGTH],
        storable(arrival.folder)[:FOLDER_LENGTH],
        arrival.spam,
        arrival.full_size,
        arrival.submitted_by,
    )


def storable(text: str) -> str:
    """Text without NUL, controls and lone surrogates, which PostgreSQL or the driver would refuse (libraries.md, charset repair)."""
    if text.isprintable():
        return text
    return "".join(character for character in text if character.isprintable())
