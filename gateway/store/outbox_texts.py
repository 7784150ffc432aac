"""Long texts of outgoing mails, kept apart from the row that every attempt writes three times; short ones stay in it, and what they say is `outbox_rows.py`."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from gateway.store.schema import outbox_text

KEYS = ("text", "html", "shown")
"""What of a mail's content may be long."""
SHORT = 1_500
"""Characters, as stored, that stay in the row: it fits into a page of the database with what else is in it."""

_SOME = select(outbox_text).where(outbox_text.c.outbox_id.in_(bindparam("ids", expanding=True)))
_INSERT = insert(outbox_text)
_UPSERT = _INSERT.on_conflict_do_update(index_elements=[outbox_text.c.outbox_id], set_={"texts": _INSERT.excluded.texts})
_GONE = delete(outbox_text).where(outbox_text.c.outbox_id == bindparam("its_id"))


def parted(content: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The content as it stands in the row, and the texts that are kept apart ({} where they are short)."""
    texts = {key: content[key] for key in KEYS if content.get(key)}
    if sum(map(_length, texts.values())) <= SHORT:
        return dict(content), {}
    return {key: value for key, value in content.items() if key not in texts}, texts


def of(connection: Connection, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """Outbox id → the texts that are kept apart, of those mails that have some."""
    return {row.outbox_id: row.texts for row in connection.execute(_SOME, {"ids": list(ids)})} if ids else {}


def write(connection: Connection, outbox_id: str, texts: Mapping[str, Any], *, fresh: bool = False) -> None:
    """These are the texts of a mail that are kept apart; `fresh`: a new mail, which has none yet."""
    if texts:
        connection.execute(_UPSERT, {"outbox_id": outbox_id, "texts": dict(texts)})
    elif not fresh:
        connection.execute(_GONE, {"its_id": outbox_id})


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str) else len(json.dumps(value))
