"""Which routes people made from mails that nobody took, by the history of the desk; making them is `gateway/desk_routes.py`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select

from gateway.store.schema import desk_change

FROM_MAIL = "from_mail"
"""In the history, beside the keys of such a route: the inbound id of the mail that it was made from."""

_C = desk_change.c
_NEWEST = select(func.max(_C.seq)).where(_C.kind == "route", _C.change != "removed", _C.name.in_(bindparam("names", expanding=True))).group_by(_C.name)
_LAST = select(_C.name, _C.by, _C.at, _C.body).where(_C.seq.in_(_NEWEST)).order_by(_C.seq)


@dataclass(frozen=True, slots=True)
class MadeByHand:
    """`name` is CONNECTOR/ROUTE; `at` is aware UTC."""

    name: str
    by: str
    at: datetime

    def __str__(self) -> str:
        return f"{self.name} (by {self.by}, {self.at:%Y-%m-%d %H:%M} UTC)"


def made_by_hand(connection: Connection, names: Collection[str]) -> tuple[MadeByHand, ...]:
    """Of these routes those that were made from a mail and that no desk file has changed since, in the order they were made; their own removal does not count."""
    rows = connection.execute(_LAST, {"names": list(names)}) if names else ()
    return tuple(MadeByHand(row.name, row.by, row.at) for row in rows if FROM_MAIL in (row.body or {}))
