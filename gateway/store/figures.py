"""How much of what stands where, for metrics and readiness; single rows are shown by `views.py`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from core.outbox import OutboxState
from gateway.store import connector_status
from gateway.store.mailbox_figures import MailboxFigures, mailbox_figures
from gateway.store.outbox_figures import Outgoing, outgoing
from gateway.store.schema import inbound, item, outbox

INBOUND_STATES = ("new", "working", "done", "unhandled", "held", "quarantined", "duplicate", "ignored", "discarded")
UNPROCESSED = ("new", "working")
WAITING_TO_LEAVE = (OutboxState.QUEUED, OutboxState.SENDING, OutboxState.PENDING_RETRY)

_INBOUND = select(inbound.c.state, func.count().label("number")).group_by(inbound.c.state)
_OLDEST_INBOUND = select(func.min(inbound.c.received_at)).where(inbound.c.state.in_(UNPROCESSED))
_OUTBOX = select(outbox.c.state, func.count().label("number")).group_by(outbox.c.state)
_OLDEST_DUE = select(func.min(outbox.c.due_at)).where(outbox.c.state.in_([str(state) for state in WAITING_TO_LEAVE]), outbox.c.due_at <= bindparam("now"))
_ITEMS = select(item.c.kind, item.c.status, func.count()).group_by(item.c.kind, item.c.status)


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts by state; ages in seconds, 0 where nothing waits."""

    inbound: dict[str, int]
    oldest_unprocessed: float
    outbox: dict[str, int]
    oldest_due: float
    items: dict[tuple[str, str], int]
    mailboxes: tuple[MailboxFigures, ...] = ()
    outgoing: tuple[Outgoing, ...] = ()
    scanner_away: bool = False


def figures(connection: Connection, now: datetime, polled: Iterable[str] = (), sending: Iterable[str] = ()) -> Figures:
    """All figures of one moment; every state is there, with 0 if nothing is in it. `polled` names the connectors that are fetched from, `sending` those that send."""
    inbounds = {row.state: row.number for row in connection.execute(_INBOUND)}
    messages = {row.state: row.number for row in connection.execute(_OUTBOX)}
    return Figures(
        inbound={state: inbounds.get(state, 0) for state in INBOUND_STATES},
        oldest_unprocessed=_age(connection.execute(_OLDEST_INBOUND).scalar(), now),
        outbox={str(state): messages.get(str(state), 0) for state in OutboxState},
        oldest_due=_age(connection.execute(_OLDEST_DUE, {"now": now}).scalar(), now),
        mailboxes=mailbox_figures(connection, polled),
        outgoing=outgoing(connection, now, tuple(sending)),
        scanner_away=connector_status.health(connection, connector_status.SCANNER).troubled,
        items={(kind, status): count for kind, status, count in connection.execute(_ITEMS)},
    )


def _age(moment: datetime | None, now: datetime) -> float:
    return max(0.0, (now - moment).total_seconds()) if moment else 0.0
