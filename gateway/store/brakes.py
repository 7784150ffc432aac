"""What the brakes on automatic mail count, and the addresses that get none; how much is too much is decided in `core/`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert as upsert_insert

from core.decision import Suppression
from core.mail import split_tag
from core.outbox import Draft
from gateway.store.schema import automatic_mail, suppressed_address

PER_ITEM = timedelta(minutes=5)
PER_ADDRESS = timedelta(hours=24)
OVERALL = timedelta(hours=1)
"""The windows of decisions.md 9."""

_COLUMNS = automatic_mail.c


def _counting(*conditions: ColumnElement[bool]) -> Select[int]:
    inner = select(_COLUMNS.seq).where(_COLUMNS.at > bindparam("since"), *conditions).limit(bindparam("most")).subquery()
    return select(func.count()).select_from(inner)


_BY_ITEM = _counting(_COLUMNS.item_id == bindparam("its_item"))
_BY_ADDRESS = _counting(_COLUMNS.address_key == bindparam("its_address"))
_ALL = _counting()
_INSERT = automatic_mail.insert()
_PRUNE = delete(automatic_mail).where(_COLUMNS.at <= bindparam("before"))
_SUPPRESSED = select(suppressed_address.c.address_key).where(
    suppressed_address.c.address_key.in_(bindparam("keys", expanding=True)), suppressed_address.c.until > bindparam("now")
)
_SUPPRESS = upsert_insert(suppressed_address)
_SUPPRESS = _SUPPRESS.on_conflict_do_update(
    index_elements=[suppressed_address.c.address_key], set_={"until": _SUPPRESS.excluded.until, "reason": _SUPPRESS.excluded.reason}
)


@dataclass(frozen=True, slots=True)
class Counted:
    """Automatic mails of late: for the item in 5 minutes, to the address in 24 hours, to anybody in an hour. Never more than was asked for."""

    item: int
    address: int
    overall: int


def mailbox(address_key: str) -> str:
    """What the brake for an address counts under: without the plus-tag, which anybody can vary."""
    return split_tag(address_key)[0]


def counted(connection: Connection, item_id: str, address_key: str, now: datetime, *, most: int = 1000) -> Counted:
    """The three counts, each up to `most`, so that a flood does not make counting slow. Mails held by a brake are counted as well."""
    return Counted(
        item=_number(connection, _BY_ITEM, now - PER_ITEM, most, its_item=item_id),
        address=_number(connection, _BY_ADDRESS, now - PER_ADDRESS, most, its_address=mailbox(address_key)),
        overall=_number(connection, _ALL, now - OVERALL, most),
    )


def count_automatic(connection: Connection, draft: Draft, now: datetime) -> None:
    """Count an automatic mail that is put into the outbox, once for each of its addresses."""
    rows = [{"at": now, "item_id": draft.item_id, "address_key": mailbox(one.address.key)} for one in draft.recipients]
    if rows:
        connection.execute(_INSERT, rows)


def prune_counts(connection: Connection, now: datetime) -> int:
    """Forget what no window looks at any more; returns how many."""
    return connection.execute(_PRUNE, {"before": now - PER_ADDRESS}).rowcount


def suppressed(connection: Connection, address_keys: Collection[str], now: datetime) -> frozenset[str]:
    """Which of these addresses get no automatic mail now (decisions.md 3)."""
    if not address_keys:
        return frozenset()
    return frozenset(connection.execute(_SUPPRESSED, {"keys": list(address_keys), "now": now}).scalars())


def suppress(connection: Connection, suppression: Suppression) -> None:
    """No automatic mail to an address until then; a later word replaces an earlier one."""
    connection.execute(_SUPPRESS, {"address_key": suppression.address_key, "until": suppression.until, "reason": suppression.reason[:2000]})


def _number(connection: Connection, statement: Select[int], since: datetime, most: int, **more: str) -> int:
    return connection.execute(statement, {"since": since, "most": most, **more}).scalar_one()
