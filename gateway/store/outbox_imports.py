"""Mails of another system's queue in the outbox: they come in as failed, for only a person may try them (A-OB-17)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from core.outbox import Draft, OutboxState, Sealed
from gateway.store import outbox_texts, outboxes
from gateway.store.outbox_rows import INSERT_CHANGE, change_row
from gateway.store.schema import outbox

WORDS = "imported; never sent by itself"

_KNOWN = select(outbox.c.id).where(outbox.c.message_id == bindparam("wanted"))
_AS_FAILED = update(outbox).where(outbox.c.id == bindparam("its_id"))


def known(connection: Connection, message_id: str) -> str:
    """The mail of the outbox that has this Message-ID, '' if none has."""
    return connection.execute(_KNOWN, {"wanted": message_id}).scalar() or ""


def add(connection: Connection, draft: Draft, sealed: Sealed, *, now: datetime, by: str) -> None:
    """Put it there, failed, without a try left; its bytes stay as they are. The draft's id is the message's id."""
    outboxes.insert(connection, draft, sealed, now=now)
    message = outboxes.get(connection, draft.id, lock=True)
    assert message is not None, "it was put there a moment ago, in this transaction"
    values: dict[str, Any] = {"state": str(OutboxState.FAILED), "tries_left": 0, "last_error": WORDS, "first_failed_at": now}
    values |= {"content": outbox_texts.parted({**message.content, "imported": True})[0]}
    connection.execute(_AS_FAILED, {"its_id": draft.id, **values})
    connection.execute(INSERT_CHANGE, change_row(draft.id, now, message.state, OutboxState.FAILED, by, WORDS))
