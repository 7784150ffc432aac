"""The prints of mails that were surely by one of our people, by which one that is sent again is known; how they are made is `gateway/routing/prints.py`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from gateway.store.schema import agent_mail_print, inbound

MOST = 20
"""Prints of one mail."""

_P = agent_mail_print.c
_INSERT = insert(agent_mail_print).on_conflict_do_nothing(index_elements=[_P.print, _P.inbound_id])
_SEEN = (
    select(_P.inbound_id)
    .where(_P.print.in_(bindparam("prints", expanding=True)), _P.inbound_id != bindparam("but"))
    .distinct()
    .order_by(_P.inbound_id)
    .limit(MOST)
)

_SAME = select(inbound.c.id).where(inbound.c.id.in_(bindparam("ids", expanding=True)), inbound.c.message_id == bindparam("its_id")).limit(1)


def add(connection: Connection, inbound_id: str, prints: Collection[str], now: datetime) -> None:
    """Write down the prints of a mail; one that is there stays."""
    rows = [{"print": one, "inbound_id": inbound_id, "at": now} for one in list(prints)[:MOST]]
    if rows:
        connection.execute(_INSERT, rows)


def seen(connection: Connection, prints: Collection[str], but: str) -> tuple[str, ...]:
    """The inbound ids of other mails that left one of these prints."""
    wanted = list(prints)[:MOST]
    return tuple(connection.execute(_SEEN, {"prints": wanted, "but": but}).scalars()) if wanted else ()


def is_among(connection: Connection, message_id: str, inbound_ids: Collection[str]) -> bool:
    """Whether one of these mails had this Message-ID."""
    return bool(message_id and inbound_ids) and connection.execute(_SAME, {"ids": list(inbound_ids), "its_id": message_id}).first() is not None
