"""What customers wrote on an item since a mail of ours was made, as whoever answers that mail must know it; what follows is `core/on_agent_mail.py`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, or_, select

from core.agent_answers import Since
from core.decision import EntryKind
from gateway.store.conversations import SHOWN_ONLY
from gateway.store.schema import inbound, inbound_body, timeline

MOST = 20

_T = timeline.c
_SINCE = (
    select(_T.facts, inbound.c.id, inbound.c.received_at, inbound.c.from_address, inbound.c.from_name, inbound_body.c.new_text)
    .select_from(timeline.join(inbound, _T.inbound_id == inbound.c.id).outerjoin(inbound_body, inbound_body.c.inbound_id == inbound.c.id))
    .where(
        _T.item_id == bindparam("its_item"),
        _T.kind == EntryKind.MAIL_IN.value,
        func.coalesce(_T.facts["action"].as_string(), "").not_in(SHOWN_ONLY),
        or_(inbound.c.settled_at > bindparam("since"), inbound.c.received_at > bindparam("since")),
    )
    .order_by(_T.seq)
    .limit(MOST)
)
_WORDS = select(inbound_body.c.new_text).where(inbound_body.c.inbound_id.in_(bindparam("ids", expanding=True)))


def words_of(connection: Connection, inbound_ids: Collection[str]) -> str:
    """The new text of mails that came in."""
    return "\n".join(connection.execute(_WORDS, {"ids": list(inbound_ids)[:MOST]}).scalars()) if inbound_ids else ""


def by_customers(connection: Connection, item_id: str, since: datetime, told: Collection[str]) -> tuple[Since, ...]:
    """Mails that joined the item and count, came or were read after `since` (aware), and are not among those `told` of (inbound ids); oldest first."""
    rows = connection.execute(_SINCE, {"its_item": item_id, "since": since})
    return tuple(
        Since(row.from_name or row.from_address, row.received_at, row.new_text or "")
        for row in rows
        if row.id not in told and (row.facts or {}).get("counts") is not False
    )
