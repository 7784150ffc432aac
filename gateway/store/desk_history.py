"""What was changed in the configured desk, by whom and when, read from its history; writing it is `setups.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, bindparam, select

from core.plain import to_plain
from core.setup_parts import PARTS, Desk
from gateway.store.moments import moment_json
from gateway.store.schema import desk_change

BECAUSE = "because"
"""The note of a change that says why it was made."""
SECRET = frozenset({"password", "client_secret", "private_key", "secret_value"})
"""Keys that no desk has; were one there all the same, its value would not be shown."""
MOST = 10_000

_D = desk_change.c
_KEYS = {part.kind: frozenset(field.name for field in fields(part.type)) for part in PARTS}
_BEFORE = (
    select(_D.body)
    .where(_D.kind == bindparam("its_kind"), _D.name == bindparam("its_name"), _D.seq < bindparam("its_seq"), _D.body.is_not(None))
    .order_by(_D.seq.desc())
    .limit(1)
)


def changes(connection: Connection, *, kind: str = "", name: str = "", limit: int = 200) -> list[dict[str, Any]]:
    """The newest changes first: `at`, `by`, `kind`, `name`, `change`, `because`, and `keys`, which maps each key that differs to [was, becomes]."""
    statement = select(desk_change)
    if kind:
        statement = statement.where(_D.kind == kind)
    if name:
        statement = statement.where(_D.name == name)
    found = connection.execute(statement.order_by(_D.seq.desc()).limit(min(limit, MOST))).all()
    return [_shown(connection, row) for row in found]


def _shown(connection: Connection, row: Any) -> dict[str, Any]:
    body: Mapping[str, Any] = row.body or {}
    keys = _KEYS.get(row.kind, frozenset(body))
    was = connection.execute(_BEFORE, {"its_kind": row.kind, "its_name": row.name, "its_seq": row.seq}).scalar()
    was = to_plain(Desk(), full=True) if was is None and row.kind == "desk" else was
    changed = _differences(_only(was or {}, keys), _only(body, keys)) if row.change == "changed" and was is not None else {}
    notes = {key: value for key, value in body.items() if key not in keys}
    return {
        "at": moment_json(row.at),
        "by": row.by,
        "kind": row.kind,
        "name": row.name,
        "change": row.change,
        "keys": changed,
        "because": str(notes.get(BECAUSE, "")),
    }


def _only(body: Mapping[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    """The body as flat keys (`outgoing.host`), without its notes."""
    flat: dict[str, Any] = {}
    for key, value in body.items():
        if key not in keys:
            continue
        if isinstance(value, Mapping):
            flat |= {f"{key}.{inner}": _hidden(str(inner), content) for inner, content in value.items()}
        else:
            flat[key] = _hidden(key, value)
    return flat


def _hidden(key: str, value: Any) -> Any:
    return "…" if key in SECRET and value else value


def _differences(was: Mapping[str, Any], becomes: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {key: [was.get(key), becomes.get(key)] for key in {**was, **becomes} if was.get(key) != becomes.get(key)}
