"""Files that people put on items and on the desk's shelf: their rows and their bytes; which mail carries which is in the mail's content."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select, update

from gateway.store.schema import stored_file

DESK = "desk"
"""The shelf of files that belong to canned texts."""

_ABOUT = select(*(column for column in stored_file.columns if column.name != "bytes"))
_ON_SHELF = _ABOUT.where(stored_file.c.shelf == bindparam("its_shelf"), stored_file.c.removed_at.is_(None)).order_by(
    stored_file.c.created_at, stored_file.c.name, stored_file.c.id
)
_SOME = _ABOUT.where(stored_file.c.id.in_(bindparam("ids", expanding=True)))
_BYTES = select(stored_file.c.id, stored_file.c.bytes).where(stored_file.c.id.in_(bindparam("ids", expanding=True)))
_SAME = _ABOUT.where(
    stored_file.c.shelf == bindparam("its_shelf"),
    stored_file.c.name == bindparam("its_name"),
    stored_file.c.sha256 == bindparam("its_hash"),
    stored_file.c.removed_at.is_(None),
).limit(1)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What is known of a file besides its bytes. `shelf` is an item's id or `DESK`; `created_at` is aware UTC; `source` says where it was copied from."""

    id: str
    shelf: str
    name: str
    content_type: str
    size: int
    sha256: str
    created_at: datetime
    created_by: str = ""
    source: str = ""
    removed_at: datetime | None = None


def add(connection: Connection, file_id: str, shelf: str, name: str, content_type: str, content: bytes, *, now: datetime, by: str, source: str = "") -> StoredFile:
    """A new file on a shelf; one with the same name and content that is there already is taken instead."""
    digest = sha256(content).hexdigest()
    same = connection.execute(_SAME, {"its_shelf": shelf, "its_name": name, "its_hash": digest}).first()
    if same is not None:
        return _file(same)
    made = StoredFile(file_id, shelf, name, content_type, len(content), digest, now, by, source)
    row = {field: getattr(made, field) for field in StoredFile.__dataclass_fields__}
    connection.execute(stored_file.insert(), {**row, "bytes": content})
    return made


def on_shelf(connection: Connection, shelf: str) -> list[StoredFile]:
    """The files of an item or of the desk, the oldest first, those of one moment by name."""
    return [_file(row) for row in connection.execute(_ON_SHELF, {"its_shelf": shelf})]


def load(connection: Connection, ids: Collection[str]) -> dict[str, StoredFile]:
    """Those of these files that exist, removed ones as well."""
    return {row.id: _file(row) for row in connection.execute(_SOME, {"ids": list(ids)})} if ids else {}


def contents(connection: Connection, ids: Collection[str]) -> dict[str, bytes]:
    """The bytes of these files, of those that exist."""
    return {row.id: bytes(row.bytes) for row in connection.execute(_BYTES, {"ids": list(ids)})} if ids else {}


def remove(connection: Connection, file_id: str, now: datetime) -> bool:
    """No longer offered; mails that carry it keep it. Whether it was there."""
    gone = update(stored_file).where(stored_file.c.id == file_id, stored_file.c.removed_at.is_(None)).values(removed_at=now)
    return connection.execute(gone).rowcount == 1


def _file(row: Row[Any]) -> StoredFile:
    return StoredFile(**{field: row._mapping[field] for field in StoredFile.__dataclass_fields__})
