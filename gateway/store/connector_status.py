"""Rows of how each connector fares; what they mean is `core/health.py`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from core.health import Health
from core.outbox import OutboxState
from gateway.store.schema import connector_status, outbox, outbox_attempt

SCANNER = "scanner"
"""The row of the virus scanner, which is no connector but fares like one."""
NOTED_EVERY = timedelta(minutes=1)
"""While all is well the time of the last success is written no more often than this."""

_ALL = select(connector_status)
_ONE = _ALL.where(connector_status.c.name == bindparam("wanted"))
_ONE_LOCKED = _ONE.with_for_update()
_INSERT = insert(connector_status)
_APART = frozenset({"name", "next_at", "size_limit"})
"""Columns that are written by themselves."""
_UPSERT = _INSERT.on_conflict_do_update(
    index_elements=[connector_status.c.name],
    set_={column.name: _INSERT.excluded[column.name] for column in connector_status.columns if column.name not in _APART},
)
_NEXT = select(connector_status.c.next_at).where(connector_status.c.name == bindparam("wanted"))
_NEXT_LOCKED = _NEXT.with_for_update()
_MOVE_NEXT = update(connector_status).where(connector_status.c.name == bindparam("wanted")).values(next_at=bindparam("moved", type_=connector_status.c.next_at.type))
_ADD = _INSERT.on_conflict_do_nothing()
_MET_TROUBLE = (
    select(outbox_attempt.c.n)
    .where(outbox_attempt.c.outbox_id == outbox.c.id, outbox_attempt.c.n == outbox.c.attempts, outbox_attempt.c.outcome == "trouble")
    .exists()
)
_TO_FORWARD = (
    select(outbox.c.id)
    .where(
        outbox.c.state == str(OutboxState.PENDING_RETRY),
        outbox.c.connector == bindparam("wanted"),
        outbox.c.due_at > outbox.c.last_attempt_at,
        _MET_TROUBLE,
    )
    .with_for_update(skip_locked=True)
)
_FORWARD = update(outbox).where(outbox.c.id.in_(_TO_FORWARD)).values(due_at=outbox.c.last_attempt_at)
_SIZE = select(connector_status.c.size_limit).where(connector_status.c.name == bindparam("wanted"))
_SET_SIZE = update(connector_status).where(connector_status.c.name == bindparam("wanted")).values(size_limit=bindparam("new_limit"))


def healths(connection: Connection) -> dict[str, Health]:
    """Every connector that ever was tried, by name."""
    return {row.name: _health(row) for row in connection.execute(_ALL)}


def health(connection: Connection, name: str, *, lock: bool = False) -> Health:
    """One connector; one that never was tried is well."""
    row = connection.execute(_ONE_LOCKED if lock else _ONE, {"wanted": name}).first()
    return _health(row) if row is not None else Health(name)


def save(connection: Connection, now: Health) -> None:
    """Write how it fares now."""
    connection.execute(_UPSERT, _row(now))


def note_success(connection: Connection, was: Health, now: datetime) -> None:
    """The connector did its part: whatever held it back is over."""
    fresh = was.last_success_at is not None and now - was.last_success_at < NOTED_EVERY
    if was.troubled or was.refused_logins or not fresh:
        save(connection, was.fine(now))


def try_at_once(connection: Connection, names: Iterable[str]) -> None:
    """Somebody has mended what held these back: the next attempt waits for nothing. What went wrong last stays to be read."""
    for name in names:
        was = health(connection, name, lock=True)
        if was.troubled or was.refused_logins:
            save(connection, replace(was, refused_logins=0, suspended_until=None, probes=0, troubled_since=None))
            _bring_forward(connection, name)


def _bring_forward(connection: Connection, name: str) -> None:
    """Mails whose last try met the trouble that is mended wait no longer for their next one; those that somebody has in hand are left alone.

    Not after every success: a mail that itself brings the trouble about would be in everybody's way.
    """
    connection.execute(_FORWARD, {"wanted": name})


def next_at(connection: Connection, name: str, *, lock: bool = False) -> datetime | None:
    """What `core/pace.py` remembers of a connector with a rate limit. `lock` makes all processes take their turns one after the other."""
    if not lock:
        return connection.execute(_NEXT, {"wanted": name}).scalar()
    row = connection.execute(_NEXT_LOCKED, {"wanted": name}).first()
    if row is None:
        connection.execute(_ADD, _row(Health(name)))
        row = connection.execute(_NEXT_LOCKED, {"wanted": name}).first()
    return row.next_at if row is not None else None


def move_next_at(connection: Connection, name: str, moved: datetime) -> None:
    """Mails took their turns; the row is there, for it was locked."""
    connection.execute(_MOVE_NEXT, {"wanted": name, "moved": moved})


def size_limit(connection: Connection, name: str) -> int:
    """The most bytes that the server of a connector takes, as it said last; 0 where it named no limit or was never asked."""
    return int(connection.execute(_SIZE, {"wanted": name}).scalar() or 0)


def note_size_limit(connection: Connection, name: str, limit: int) -> None:
    """What the server announced; written only where it changed. 0: it named no limit."""
    if size_limit(connection, name) == limit:
        return
    connection.execute(_ADD, _row(Health(name)))
    connection.execute(_SET_SIZE, {"wanted": name, "new_limit": limit or None})


def _health(row: Row[Any]) -> Health:
    return Health(row.name, row.refused_logins, row.suspended_until, row.probes, row.last_error, row.last_success_at, row.last_error_at, row.troubled_since)


def _row(one: Health) -> dict[str, Any]:
    return {
        "name": one.name,
        "refused_logins": one.refused_logins,
        "suspended_until": one.suspended_until,
        "probes": one.probes,
        "last_error": one.last_error,
        "last_success_at": one.last_success_at,
        "last_error_at": one.last_error_at,
        "troubled_since": one.troubled_since,
    }
