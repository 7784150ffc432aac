"""What a person chose for a screen and finds again after the next log-in; what may be chosen is decided in `core/`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert_insert

from gateway.store.schema import preference

_P = preference.c
_GET = select(_P.value).where(_P.user_key == bindparam("whose"), _P.name == bindparam("what"))
_PUT = upsert_insert(preference)
_PUT = _PUT.on_conflict_do_update(index_elements=[_P.user_key, _P.name], set_={"value": _PUT.excluded.value, "changed_at": _PUT.excluded.changed_at})
_FORGET = delete(preference).where(_P.user_key == bindparam("whose"), _P.name == bindparam("what"))


def get(connection: Connection, user_key: str, name: str) -> dict[str, Any]:
    """What is kept under a name, {} if nothing is."""
    found = connection.execute(_GET, {"whose": user_key, "what": name}).scalar()
    return found if isinstance(found, dict) else {}


def put(connection: Connection, user_key: str, name: str, value: Mapping[str, Any], now: datetime) -> None:
    """Keep it; what was kept before is replaced."""
    connection.execute(_PUT, {"user_key": user_key, "name": name, "value": dict(value), "changed_at": now})


def forget(connection: Connection, user_key: str, name: str) -> None:
    """As at first."""
    connection.execute(_FORGET, {"whose": user_key, "what": name})
