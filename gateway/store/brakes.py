"""What the brakes on automatic mail count, and the addresses that get none; how much is too much is decided in `core/`."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Connection, ScalarSelect, bindparam, delete, exists, func, select
from sqlalchemy.dialects.postgresql import insert as upsert_insert

from core.brakes import OVERALL_WINDOW, SENDER_WINDOW, Brakes, Lately
from core.decision import Suppression
from core.mail import split_tag
from core.outbox import TO_AGENTS, Draft
from gateway.store.schema import automatic_mail, counter, suppressed_address

_A, _S = automatic_mail.c, suppressed_address.c


def _counting(column: ColumnElement[str], name: str) -> ScalarSelect[int]:
    since = bindparam(f"{name}_since", type_=_A.at.type)
    inner = select(_A.seq).where(column == bindparam(f"its_{name}"), _A.at > since).limit(bindparam(f"{name}_most")).subquery()
    return select(func.count()).select_from(inner).scalar_subquery()


_NTH_NEWEST = select(_A.at).where(_A.seq <= select(func.max(_A.seq)).scalar_subquery() - bindparam("before")).order_by(_A.seq.desc()).limit(1)
_LATELY = select(
    _counting(_A.item_id, "item").label("item"),
    _counting(_A.address_key, "mailbox").label("mailbox"),
    _NTH_NEWEST.scalar_subquery().label("nth"),
    exists().where(_S.address_key == bindparam("its_key"), _S.until > bindparam("now", type_=_S.until.type)).label("suppressed"),
)
"""The n-th newest automatic mail tells whether the hour is full without counting what may be many."""
_INSERT = automatic_mail.insert()
_PRUNE = delete(automatic_mail).where(_A.at <= bindparam("before"))
_SUPPRESSED = select(suppressed_address.c.address_key).where(
    suppressed_address.c.address_key.in_(bindparam("keys", expanding=True)), suppressed_address.c.until > bindparam("now")
)
_SUPPRESS = upsert_insert(suppressed_address)
_SUPPRESS = _SUPPRESS.on_conflict_do_update(
    index_elements=[suppressed_address.c.address_key], set_={"until": _SUPPRESS.excluded.until, "reason": _SUPPRESS.excluded.reason}
)


_OPENED = "opened/"
"""Begins the names of counters of items opened: by hour and sender."""
_OPENED_LATELY = select(counter.c.value).where(counter.c.name == bindparam("wanted"))
_COUNT_OPENED = upsert_insert(counter).values(name=bindparam("wanted"), value=bindparam("n"))
_COUNT_OPENED = _COUNT_OPENED.on_conflict_do_update(index_elements=[counter.c.name], set_={"value": counter.c.value + _COUNT_OPENED.excluded.value})
_COUNTED = _COUNT_OPENED.returning(counter.c.value)
_PRUNE_OPENED = delete(counter).where(counter.c.name >= _OPENED, counter.c.name < bindparam("before"))


def opened_lately(connection: Connection, address_key: str, now: datetime) -> int:
    """How many items an address opened in this hour of the clock, plus-tagged or not."""
    return int(connection.execute(_OPENED_LATELY, {"wanted": _opened_by(address_key, now)}).scalar() or 0)


def count_opened(connection: Connection, address_key: str, n: int, now: datetime) -> int:
    """Count items that an address opens; returns how many they are now in this hour of the clock.

    A mail of the same address that is decided at the same moment waits for the commit.
    """
    return int(connection.execute(_COUNTED, {"wanted": _opened_by(address_key, now), "n": n}).scalar_one())


def _opened_by(address_key: str, now: datetime) -> str:
    return f"{_hour(now)}/{sha256(mailbox(address_key).encode('utf-8', 'replace')).hexdigest()[:22]}"


def _hour(now: datetime) -> str:
    return f"{_OPENED}{now.astimezone(UTC):%Y%m%d%H}"


def mailbox(address_key: str) -> str:
    """What the brake for an address counts under: without the plus-tag, which anybody can vary."""
    return split_tag(address_key)[0]


def lately(connection: Connection, brakes: Brakes, item_id: str | None, address_key: str, now: datetime) -> tuple[Lately, bool]:
    """What the brakes ask, in one statement, and whether the address gets no automatic mail at all now. `item_id` None: an item yet to be opened.

    Counted no further than a brake looks, so that a flood does not make counting slow. Mails held by a brake are counted as well.
    """
    asked = {
        "its_item": item_id or None,
        "item_since": now - brakes.item_window,
        "item_most": brakes.per_item,
        "its_mailbox": mailbox(address_key),
        "mailbox_since": now - SENDER_WINDOW,
        "mailbox_most": brakes.per_sender_day,
        "before": max(brakes.per_hour - 1, 0),
        "its_key": address_key,
        "now": now,
    }
    found = connection.execute(_LATELY, asked).one()
    full = brakes.per_hour == 0 or (found.nth is not None and found.nth > now - OVERALL_WINDOW)
    return Lately(found.item, found.mailbox, full), bool(found.suppressed)


def count_automatic(connection: Connection, draft: Draft, now: datetime) -> None:
    """Count an automatic mail that is put into the outbox, once for each of its addresses; a blind copy of the desk's own is nobody's mail. What our
    own people are told has its own measure."""
    if draft.purpose in TO_AGENTS:
        return
    rows = [{"at": now, "item_id": draft.item_id, "address_key": mailbox(one.address.key)} for one in draft.recipients if not one.is_copy]
    if rows:
        connection.execute(_INSERT, rows)


def prune_counts(connection: Connection, now: datetime) -> int:
    """Forget what no window looks at any more; returns how many."""
    opened = connection.execute(_PRUNE_OPENED, {"before": _hour(now)}).rowcount
    return connection.execute(_PRUNE, {"before": now - SENDER_WINDOW}).rowcount + opened


def suppressed(connection: Connection, address_keys: Collection[str], now: datetime) -> frozenset[str]:
    """Which of these addresses get no automatic mail now (decisions.md 3)."""
    if not address_keys:
        return frozenset()
    return frozenset(connection.execute(_SUPPRESSED, {"keys": list(address_keys), "now": now}).scalars())


def suppress(connection: Connection, suppression: Suppression) -> None:
    """No automatic mail to an address until then; a later word replaces an earlier one."""
    connection.execute(_SUPPRESS, {"address_key": suppression.address_key, "until": suppression.until, "reason": suppression.reason[:2000]})


def all_suppressed(connection: Connection, now: datetime, limit: int) -> list[dict[str, Any]]:
    """The addresses that get no automatic mail now, with until when and why; the one that ends last first."""
    rows = connection.execute(select(_S.address_key, _S.until, _S.reason).where(_S.until > now).order_by(_S.until.desc(), _S.address_key).limit(limit))
    return [{"address": row.address_key, "until": row.until.isoformat(), "reason": row.reason} for row in rows]


def unsuppress(connection: Connection, address_key: str, now: datetime) -> dict[str, Any] | None:
    """Take an address off; what was known of it, None if nothing was in force."""
    row = connection.execute(select(_S.until, _S.reason).where(_S.address_key == address_key, _S.until > now)).one_or_none()
    connection.execute(delete(suppressed_address).where(_S.address_key == address_key))
    return None if row is None else {"id": address_key, "address": address_key, "until": row.until.isoformat(), "reason": row.reason}
