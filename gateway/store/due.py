"""What the scheduler asks the database: who leads, which inbound messages nobody took up, and whether mail is unread that came before a moment."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, bindparam, or_, select
from sqlalchemy.dialects.postgresql import insert

from gateway.store.schema import connector_status, inbound, lease, mailbox_folder

FETCHING = "fetch:"
"""Before the name of a connector: the row of `connector_status` that tells how fetching its mailbox fares, apart from how sending does."""

CLOCKS_DIFFER = timedelta(minutes=10)
"""A lease that has more left than its length and this was taken before a clock was put back: nobody waits for that moment to come again."""
_LEASE_INSERT = insert(lease).values(name=bindparam("lease_name"), holder=bindparam("me"), until=bindparam("new_until", type_=lease.c.until.type))
_LEAD = _LEASE_INSERT.on_conflict_do_update(
    index_elements=[lease.c.name],
    set_={"holder": _LEASE_INSERT.excluded.holder, "until": _LEASE_INSERT.excluded.until},
    where=or_(
        lease.c.holder == bindparam("me"),
        lease.c.until <= bindparam("now", type_=lease.c.until.type),
        lease.c.until > bindparam("absurd", type_=lease.c.until.type),
    ),
).returning(lease.c.holder)
_RELEASE = lease.delete().where(lease.c.name == bindparam("lease_name"), lease.c.holder == bindparam("me"))

_OPEN = inbound.c.state.in_(("new", "working"))
_LEFT_LYING = (
    select(inbound.c.id)
    .where(
        or_(
            and_(inbound.c.state == "new", inbound.c.received_at <= bindparam("since", type_=inbound.c.received_at.type)),
            and_(inbound.c.state == "working", inbound.c.lease_until <= bindparam("now", type_=inbound.c.lease_until.type)),
        )
    )
    .order_by(inbound.c.received_at)
    .limit(bindparam("most"))
)
_UNREAD = select(inbound.c.id).where(_OPEN, inbound.c.received_at <= bindparam("until", type_=inbound.c.received_at.type)).limit(1)
_FETCH = select(connector_status.c.last_error_at, connector_status.c.last_success_at).where(connector_status.c.name == bindparam("wanted"))
_WAITS = (
    select(mailbox_folder.c.folder)
    .where(
        mailbox_folder.c.connector == bindparam("wanted"),
        mailbox_folder.c.waiting > 0,
        mailbox_folder.c.oldest_waiting_at <= bindparam("until", type_=mailbox_folder.c.oldest_waiting_at.type),
    )
    .limit(1)
)


def take_lead(connection: Connection, name: str, holder: str, now: datetime, length: timedelta) -> bool:
    """Whether `holder` has the lease `name` from now on: it was free, over, its own already, or written by a clock that was wrong."""
    asked = {"lease_name": name, "me": holder, "new_until": now + length, "now": now, "absurd": now + length + CLOCKS_DIFFER}
    return connection.execute(_LEAD, asked).first() is not None


def give_up_lead(connection: Connection, name: str, holder: str) -> None:
    """The lease is free, if it was this holder's."""
    connection.execute(_RELEASE, {"lease_name": name, "me": holder})


def left_lying(connection: Connection, now: datetime, *, grace: timedelta, most: int) -> tuple[str, ...]:
    """Inbound messages that nobody took up within `grace`, or whose lease is over, the oldest first."""
    return tuple(connection.execute(_LEFT_LYING, {"since": now - grace, "now": now, "most": most}).scalars())


def is_behind(connection: Connection, connector: str, until: datetime) -> bool:
    """Whether a mail that came until then may still be unread: one waits to be processed or in the connector's mailbox, or fetching there fails (decisions.md 1)."""
    if connection.execute(_UNREAD, {"until": until}).first() is not None:
        return True
    if connection.execute(_WAITS, {"wanted": connector, "until": until}).first() is not None:
        return True
    row = connection.execute(_FETCH, {"wanted": FETCHING + connector}).first()
    if row is None or row.last_error_at is None:
        return False
    return row.last_success_at is None or bool(row.last_success_at < row.last_error_at)
