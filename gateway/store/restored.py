"""What a restored backup must not do by itself: mails that were waiting when it was made may have left since; copying the database is `backup.py`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select, update

from core.outbox import OUTBOX, OutboxEvent, OutboxState
from core.transitions import step
from gateway.store import outboxes
from gateway.store.engine import Database
from gateway.store.outbox_rows import INSERT_CHANGE, change_row
from gateway.store.schema import lease, outbox

REASON = "The database was restored from a backup: this mail may have left since it was made. Release it or cancel it."

_WAITING = select(outbox.c.id).where(outbox.c.state.in_((str(OutboxState.QUEUED), str(OutboxState.PENDING_RETRY)))).order_by(outbox.c.seq)
_ON_ITS_WAY = select(outbox.c.id, outbox.c.marked).where(outbox.c.state == str(OutboxState.SENDING))


def served_by(connection: Connection, now: datetime) -> str:
    """Who serves this database at the moment, as far as its leases tell; '' = nobody."""
    return str(connection.execute(select(lease.c.holder).where(lease.c.until > now).limit(1)).scalar() or "")


def hold_unsent(database: Database, now: datetime) -> int:
    """Every mail that was waiting or being sent is held, or of unknown outcome where its final dot was on its way. Returns how many.

    A backup is older than the mails that left after it: sent by themselves they would go out a second time.
    """
    with database.durable() as connection:
        for row in connection.execute(_ON_ITS_WAY).all():
            died = step(OUTBOX, OutboxState.SENDING, OutboxEvent.LEASE_OVER_MARKED if row.marked else OutboxEvent.LEASE_OVER)
            connection.execute(update(outbox).where(outbox.c.id == row.id).values(state=str(died), lease_until=None, lease_by=None))
            connection.execute(INSERT_CHANGE, change_row(row.id, now, OutboxState.SENDING, died, "", REASON))
        waiting = list(connection.execute(_WAITING).scalars())
        for outbox_id in waiting:
            outboxes.act(connection, outbox_id, OutboxEvent.HOLD, now, "", reason=REASON)
        return len(waiting)
