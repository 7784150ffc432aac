"""How the outgoing mail of each connector fares, in numbers, for commands, metrics and alarms; single mails are `outbox_rows.py`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from core.brakes import HELD_BY_HOUR
from core.health import Health
from core.outbox import OutboxState
from gateway.store import connector_status
from gateway.store.schema import connector_status as status_rows
from gateway.store.schema import outbox, sent_copy

WAITING = (OutboxState.QUEUED, OutboxState.PENDING_RETRY)
SHOWN = (*WAITING, OutboxState.SENDING, OutboxState.HELD, OutboxState.FAILED, OutboxState.UNKNOWN, OutboxState.BOUNCED)
"""States a mail is in while it stands in the Outbox."""
MOST_COUNTED = 10_000

_BY_STATE = (
    select(outbox.c.connector, outbox.c.state, func.count().label("number"))
    .where(outbox.c.state.in_([str(state) for state in SHOWN]))
    .group_by(outbox.c.connector, outbox.c.state)
)
_DUE = (
    select(outbox.c.connector, func.count().label("number"), func.min(outbox.c.due_at).label("oldest"))
    .where(outbox.c.state.in_([str(state) for state in WAITING]), outbox.c.due_at <= bindparam("now", type_=outbox.c.due_at.type))
    .group_by(outbox.c.connector)
)
_COPIES = select(sent_copy.c.connector, func.count().label("number")).where(sent_copy.c.given_up_at.is_(None)).group_by(sent_copy.c.connector)
_NEXT = select(status_rows.c.name, status_rows.c.next_at)
_BRAKED = (
    select(outbox.c.id)
    .where(outbox.c.state == str(OutboxState.HELD), outbox.c.system_generated, outbox.c.hold_reason.like(f"%{HELD_BY_HOUR}"))
    .limit(MOST_COUNTED)
    .subquery()
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One connector's way out. `by_state` counts its mails in the Outbox, `due` those that should have left; `oldest_due_at` is since when (aware UTC)."""

    name: str
    health: Health
    by_state: dict[str, int] = field(default_factory=dict)
    due: int = 0
    oldest_due_at: datetime | None = None
    oldest_due: float = 0.0
    """Its age in seconds, 0 where nothing is due."""
    copies_waiting: int = 0
    next_at: datetime | None = None
    """With a rate limit: what `core/pace.py` remembers."""

    @property
    def waiting(self) -> int:
        return sum(self.by_state.get(str(state), 0) for state in WAITING)


def outgoing(connection: Connection, now: datetime, names: tuple[str, ...]) -> tuple[Outgoing, ...]:
    """Of these connectors, in the order given; mails of connectors that are gone are nobody's."""
    states: dict[str, dict[str, int]] = {}
    for row in connection.execute(_BY_STATE):
        states.setdefault(row.connector, {})[row.state] = row.number
    overdue = {row.connector: row for row in connection.execute(_DUE, {"now": now})}
    copies = {row.connector: row.number for row in connection.execute(_COPIES)}
    slots = {row.name: row.next_at for row in connection.execute(_NEXT)}
    healths = connector_status.healths(connection)
    found = []
    for name in names:
        due = overdue.get(name)
        number, oldest = (due.number, due.oldest) if due is not None else (0, None)
        age = max(0.0, (now - oldest).total_seconds()) if oldest is not None else 0.0
        found.append(Outgoing(name, healths.get(name, Health(name)), states.get(name, {}), number, oldest, age, copies.get(name, 0), slots.get(name)))
    return tuple(found)


def stranded(connection: Connection, now: datetime, known: Collection[str]) -> dict[str, tuple[int, datetime]]:
    """Due mails of connectors that are not among the `known` ones: name → how many, and since when the oldest should have left."""
    return {row.connector: (row.number, row.oldest) for row in connection.execute(_DUE, {"now": now}) if row.connector not in known}


def held_by_brake(connection: Connection) -> int:
    """How many automatic mails the hourly brake holds (decisions.md 9), counted no further than `MOST_COUNTED`."""
    return int(connection.execute(select(func.count()).select_from(_BRAKED)).scalar_one())
