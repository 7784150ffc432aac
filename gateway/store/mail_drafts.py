"""Rows of drafts of mails; who may have one open, and for how long they are kept, is `core/drafting.py`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, select, update

from core.drafting import KEPT, MailDraft, from_json, to_json
from gateway.store.schema import mail_draft

_D = mail_draft.c
_ONE = select(mail_draft).where(_D.id == bindparam("its_id"))
_ONE_LOCKED = _ONE.with_for_update()
_OF_ITEM = select(mail_draft).where(_D.item_id == bindparam("its_item")).order_by(_D.created_at, _D.id)
_AUTHORS = select(_D.updated_by).where(_D.item_id == bindparam("its_item"), _D.id != bindparam("but")).order_by(_D.updated_at.desc())
_COUNT = select(func.count()).where(_D.item_id == bindparam("its_item"))
_SAME = update(mail_draft).where(_D.id == bindparam("its_id"), _D.version == bindparam("was_version"))
_DROP = delete(mail_draft).where(_D.id == bindparam("its_id"))
_OLD = delete(mail_draft).where(_D.updated_at < bindparam("before", type_=_D.updated_at.type))


def insert(connection: Connection, draft: MailDraft) -> None:
    """A new one."""
    connection.execute(mail_draft.insert(), {"id": draft.id, "item_id": draft.item_id, **_values(draft)})


def get(connection: Connection, draft_id: str, *, lock: bool = False) -> MailDraft | None:
    """One, or None. `lock` keeps others from it until the transaction ends."""
    row = connection.execute(_ONE_LOCKED if lock else _ONE, {"its_id": draft_id}).first()
    return _draft(row) if row is not None else None


def of_item(connection: Connection, item_id: str) -> list[MailDraft]:
    """Those of an item, the oldest first."""
    return [_draft(row) for row in connection.execute(_OF_ITEM, {"its_item": item_id})]


def authors(connection: Connection, item_id: str, *, but: str = "") -> list[str]:
    """Who changed each draft of an item last, the newest first; `but`: leave this draft out."""
    return list(connection.execute(_AUTHORS, {"its_item": item_id, "but": but}).scalars())


def count(connection: Connection, item_id: str) -> int:
    """How many an item has."""
    return int(connection.execute(_COUNT, {"its_item": item_id}).scalar() or 0)


def save(connection: Connection, was: MailDraft, now: MailDraft) -> bool:
    """Write it, if nobody else has since it was read."""
    return connection.execute(_SAME, {"its_id": was.id, "was_version": was.version, **_values(now)}).rowcount == 1


def drop(connection: Connection, draft_id: str) -> None:
    """It is gone; its files stay on the item."""
    connection.execute(_DROP, {"its_id": draft_id})


def prune(connection: Connection, now: datetime) -> int:
    """Those that nobody changed for 90 days go (C-DR-01); how many that were."""
    return connection.execute(_OLD, {"before": now - KEPT}).rowcount


def _values(draft: MailDraft) -> dict[str, Any]:
    return {
        "version": draft.version,
        "created_at": draft.created_at,
        "created_by": draft.created_by,
        "updated_at": draft.updated_at,
        "updated_by": draft.updated_by,
        "editor": draft.editor,
        "editor_until": draft.editor_until,
        "subject": draft.content.subject,
        "content": to_json(draft.content),
    }


def _draft(row: Row[Any]) -> MailDraft:
    return MailDraft(
        row.id, row.item_id, row.created_at, row.created_by, row.updated_at, row.updated_by, row.version, row.editor, row.editor_until, from_json(row.content)
    )
