"""Rows of the secret store: what an administrator entered, already encrypted; opening it is `gateway/secrets.py`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert

from gateway.store.schema import secret

PASSWORD, DKIM = "", "dkim"
"""What a secret is: a password (or anything that is handed on as it is), or a private key that signs mail."""

_T = secret.c
_FIND = select(_T.value).where(_T.name == bindparam("wanted"))
_ALL = select(_T.name, _T.kind, _T.changed_at, _T.changed_by).order_by(_T.name)
_SAVE = insert(secret)
_SAVE = _SAVE.on_conflict_do_update(index_elements=[_T.name], set_={column.name: _SAVE.excluded[column.name] for column in secret.columns if column.name != "name"})


@dataclass(frozen=True, slots=True)
class Kept:
    """What may be known of a secret. `changed_at` is aware UTC, `kind` is PASSWORD or DKIM."""

    name: str
    kind: str
    changed_at: datetime
    changed_by: str


def sealed(connection: Connection, name: str) -> str:
    """The encrypted value, '' where there is none of that name."""
    return connection.execute(_FIND, {"wanted": name}).scalar() or ""


def rows(connection: Connection) -> tuple[Kept, ...]:
    """All of them without their values, by name."""
    return tuple(Kept(row.name, row.kind, row.changed_at, row.changed_by) for row in connection.execute(_ALL))


def save(connection: Connection, kept: Kept, value: str) -> None:
    """Write one, in the place of what had the name before; `value` is encrypted."""
    connection.execute(_SAVE, {**asdict(kept), "value": value})


def remove(connection: Connection, name: str) -> bool:
    """Take one away for good. Whether it was there."""
    return connection.execute(delete(secret).where(_T.name == name)).rowcount == 1
