"""The mails that nobody took, as far as a new route asks about them; lists for people are `inbound_list.py`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, bindparam, select

from core.mail import address_key
from core.route_from import Lost
from core.verdict import InboundState
from gateway.store.schema import inbound, inbound_verdict

MOST = 20_000
"""Messages of the backlog that are looked at, the newest."""

_C, _V = inbound.c, inbound_verdict.c
_ONE = (
    select(_C.from_address, _V.recipient, _V.connector)
    .join(inbound_verdict, _V.inbound_id == _C.id)
    .where(_C.id == bindparam("its_id"), _V.state == InboundState.UNHANDLED.value)
    .order_by(_V.n)
)


def of(connection: Connection, inbound_id: str) -> list[Lost]:
    """The recipients of one message for which nobody took it."""
    return [_lost(row.from_address, row.recipient, row.connector) for row in connection.execute(_ONE, {"its_id": inbound_id})]


def backlog(connection: Connection, seen: ColumnElement[bool], since: datetime | None, until: datetime | None) -> Iterator[tuple[str, Lost]]:
    """(id, what a route asks) of the unhandled messages received in the range [since, until), oldest first."""
    asked = [_C.state == InboundState.UNHANDLED.value, seen]
    if since is not None:
        asked.append(_C.received_at >= since)
    if until is not None:
        asked.append(_C.received_at < until)
    newest = select(_C.id, _C.from_address, _C.received_at).where(*asked).order_by(_C.received_at.desc(), _C.id).limit(MOST).subquery()
    rows = connection.execute(
        select(newest.c.id, newest.c.from_address, _V.recipient, _V.connector)
        .join(inbound_verdict, _V.inbound_id == newest.c.id)
        .where(_V.state == InboundState.UNHANDLED.value)
        .order_by(newest.c.received_at.desc(), newest.c.id, _V.n)
    ).all()
    return ((row.id, _lost(row.from_address, row.recipient, row.connector)) for row in reversed(rows))


def _lost(sender: str, recipient: str, connector: str) -> Lost:
    return Lost(address_key(sender) if sender else "", recipient, connector)
