"""Which earlier mail of its item a due mail waits for, for those who look at it; claiming in that order is `outbox_claims.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import Connection, bindparam, select

from core.outbox import OutboxMessage
from core.outbox_view import WAITS
from gateway.store.outbox_claims import EARLIER, STANDS_BEFORE
from gateway.store.schema import outbox

_FIRST = STANDS_BEFORE.order_by(EARLIER.c.seq, EARLIER.c.id).limit(1).scalar_subquery()
_BEFORE = select(outbox.c.id, _FIRST.label("before")).where(outbox.c.id.in_(bindparam("ids", expanding=True)))


def waits_for(connection: Connection, found: Iterable[OutboxMessage], now: datetime, *, live: Collection[str]) -> dict[str, str]:
    """Outbox id → id of the mail that must leave first, of the mails that are due at `now` (aware UTC) and whose connector is `live`: not switched off."""
    asked = [one.id for one in found if one.item_id and one.state in WAITS and one.due_at <= now and one.connector in live]
    if not asked:
        return {}
    rows = connection.execute(_BEFORE, {"ids": asked, "now": now, "live": list(live)})
    return {row.id: row.before for row in rows if row.before}
